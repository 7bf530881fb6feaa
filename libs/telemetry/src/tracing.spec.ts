import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WatershedError } from '#errors';
import { eventually } from '#testing';
import { currentTraceparent, openOtlpTracing, type Tracing, traceHeaders } from './index.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = `00-${traceId}-b7ad6b7169203331-01`;
const planted = 'hunter2-PLANTED-7f3a';

describe('tracing', () => {
  let server: Server;
  let bodies: string[];
  let status: number;
  let failures: string[];
  let tracing: Tracing;

  const open = async (ratio?: number) => {
    const { port } = server.address() as AddressInfo;
    const onFailure = (reason: string) => void failures.push(reason);
    return openOtlpTracing({ service: 'toll', endpoint: `http://127.0.0.1:${port}/`, ratio, onFailure });
  };

  beforeEach(async () => {
    [bodies, status, failures] = [[], 200, []];
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      bodies.push(body);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    tracing = await open();
  });
  afterEach(async () => {
    await tracing.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const names = async (): Promise<string[]> => {
    await tracing.close();
    return [...bodies.join('').matchAll(/"name":"([^"]+)","kind"/g)].map(([, name]) => name ?? '');
  };

  it('records what hangs on a trace, down to where it is bound, and nothing that no trace led to', async () => {
    await tracing.span('sweep', 'internal', {}, async () => expect(currentTraceparent()).toBeUndefined());
    await tracing.receive(undefined, 'poll', {}, async () => expect(traceHeaders()).toEqual({}));
    await tracing.receive('nonsense', 'nonsense', {}, async () => undefined);
    let bound: ReturnType<Tracing['bind']> | undefined;
    await tracing.receive(parent, 'handled', {}, () =>
      tracing.span('called', 'client', {}, async () => {
        expect(traceHeaders().traceparent).toMatch(new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)`));
        bound = tracing.bind();
      }),
    );
    await bound?.(() => tracing.span('later', 'client', {}, async () => undefined));
    expect(await names()).toEqual(['called', 'handled', 'later']);
  });

  it('begins a trace at a request that has none, unless that one is not among those to record', async () => {
    tracing.open(undefined, 'begun', {}).end({ status: 200 });
    const none = await open(0);
    none.open(undefined, 'left out', {}).end();
    none.open(parent, 'decided elsewhere', {}).end();
    await none.close();
    expect((await names()).sort()).toEqual(['begun', 'decided elsewhere']);
  });

  it('keeps of an error its code alone, because its message may quote what someone sent', async () => {
    const error = new WatershedError('text_invalid', planted, { details: { text: planted } });
    const failing = tracing.receive(parent, 'failed', {}, async () => Promise.reject(error));
    await expect(failing).rejects.toBe(error);
    expect(await names()).toEqual(['failed']);
    expect(bodies.join('')).toContain('{"key":"error.type","value":{"stringValue":"text_invalid"}}');
    expect(bodies.join('')).toContain('"status":{"code":2}');
    expect(bodies.join('')).not.toContain(planted);
  });

  it('drops what the collector does not take, says so once, and holds nobody up', async () => {
    status = 503;
    for (let batch = 1; batch <= 2; batch++) {
      await tracing.receive(parent, `batch ${batch}`, {}, async () => undefined);
      await eventually(() => bodies.length === batch);
    }
    await tracing.close();
    expect(failures).toEqual(['the collector answered 503']);
  });
});
