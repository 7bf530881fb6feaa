import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TransferTicket } from '#contracts';
import { contentBatchType, encodeFrame, FrameReader, type ReceivedFrame } from './content-frames.js';
import { ContentSender } from './content-sender.js';
import { TransferClient } from './transfer-client.js';

type Take = (frames: ReceivedFrame[], response: ServerResponse) => void;

const echo: Take = (frames, response) => {
  response.writeHead(200);
  const answers = frames.flatMap((frame) => encodeFrame({ ...frame, status: 200, token: '' }));
  response.end(Buffer.concat(answers));
};

describe('the sender of contents', () => {
  let server: Server;
  let url: string;
  let client: TransferClient;
  let sender: ContentSender;
  let take: Take;
  const paths: string[] = [];

  beforeEach(async () => {
    take = echo;
    paths.length = 0;
    const handle = async (request: IncomingMessage, response: ServerResponse) => {
      paths.push(request.url ?? '');
      const body = await buffer(request);
      if (request.headers['content-type'] === contentBatchType) take(new FrameReader(65_536).push(body), response);
      else response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    };
    server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/place`;
    client = new TransferClient();
    sender = new ContentSender({ client, maxAnswerBytes: 100_000 });
  });

  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });

  const ticket = (maxBytes = 100_000): TransferTicket => ({ url, token: 't'.repeat(43), maxBytes });
  const json = (value: string) => ({ kind: 'json' as const, body: Buffer.from(value) });
  const text = (answers: readonly { status: number; body: Buffer }[]) =>
    answers.map(({ status, body }) => [status, body.toString()]);

  it('sends those of one turn together, each with its own answer', async () => {
    const answers = await Promise.all(['a', 'b', 'c'].map((each) => sender.send(ticket(), json(each), 5_000)));
    expect(text(answers)).toEqual([
      [200, 'a'],
      [200, 'b'],
      [200, 'c'],
    ]);
    expect(paths).toEqual(['/place/batch']);
  });

  it('lets a crowd of one turn leave sixteen at a time, in as many requests as that takes', async () => {
    const sizes: number[] = [];
    take = (frames, response) => {
      sizes.push(frames.length);
      echo(frames, response);
    };
    const wanted = Array.from({ length: 39 }, (_, n) => String(n));
    const answers = await Promise.all(wanted.map((each) => sender.send(ticket(), json(each), 5_000)));
    expect(text(answers)).toEqual(wanted.map((each) => [200, each]));
    expect(sizes.sort((a, b) => b - a)).toEqual([16, 16, 7]);
  });

  it('sends one alone as it is, and a large one beside the others', async () => {
    expect(text([await sender.send(ticket(), json('alone'), 5_000)])).toEqual([[200, 'alone']]);
    const large = 'x'.repeat(70_000);
    await Promise.all([large, 'b', 'c'].map((each) => sender.send(ticket(), json(each), 5_000)));
    expect(paths.sort()).toEqual(['/place', '/place', '/place/batch']);
  });

  it('reads no refusal of a whole without end, whoever sends it', async () => {
    let sent = 0;
    take = (_frames, response) => {
      response.writeHead(503, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, 32))) sent += 16_384;
        sent += 16_384;
      };
      response.on('drain', more);
      more();
    };
    const outcomes = await Promise.allSettled(['a', 'b'].map((each) => sender.send(ticket(), json(each), 5_000)));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'body_too_large' } });
    }
    expect(sent).toBeLessThan(16 * 2 ** 20);
  });

  it('hands on each answer when it is there', async () => {
    let finish: () => void = () => undefined;
    take = ([first, second], response) => {
      if (!first || !second) throw new Error('two were sent');
      response.write(Buffer.concat(encodeFrame({ ...second, status: 200, token: '' })));
      finish = () => response.end(Buffer.concat(encodeFrame({ ...first, status: 422, token: '' })));
    };
    const slow = sender.send(ticket(), json('slow'), 5_000);
    const quick = sender.send(ticket(), json('quick'), 5_000);
    expect(text([await quick])).toEqual([[200, 'quick']]);
    finish();
    expect(text([await slow])).toEqual([[422, 'slow']]);
  });

  const both = async (timeoutMs = 5_000) => {
    const results = await Promise.allSettled(['a', 'b'].map((each) => sender.send(ticket(), json(each), timeoutMs)));
    return results.map((each) => (each.status === 'rejected' ? each.reason.code : each.value.body.toString()));
  };

  it('tells those whose answer never came, and only those', async () => {
    take = ([first], response) => {
      if (!first) throw new Error('one was sent');
      const piece = Buffer.concat(encodeFrame({ ...first, status: 200, token: '' }));
      response.write(piece, () => response.destroy());
    };
    expect(await both()).toEqual(['a', 'node_unreachable']);
    take = (_, response) => response.writeHead(200).end();
    expect(await both()).toEqual(['node_unreachable', 'node_unreachable']);
    take = (_, response) => response.writeHead(200).end(Buffer.from([0, 0, 0, 1]));
    expect(await both()).toEqual(['node_unreachable', 'node_unreachable']);
    take = () => undefined;
    expect(await both(50)).toEqual(['deadline_exceeded', 'deadline_exceeded']);
  });

  it("gives a refusal of the whole to each, and refuses by itself what passes its ticket's size", async () => {
    take = (_, response) => response.writeHead(503).end('{"code":"shutting_down"}');
    expect(await both()).toEqual(['{"code":"shutting_down"}', '{"code":"shutting_down"}']);
    await expect(sender.send(ticket(2), json('abc'), 5_000)).rejects.toMatchObject({ code: 'body_too_large' });
  });
});
