import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { refusal } from '#contracts';
import { eventually } from '#testing';
import { ContentSender } from './content-sender.js';
import { TransferClient } from './transfer-client.js';
import { readJson, TransferServer, transferTokenOf } from './transfer-server.js';
import { TransferTokens } from './transfer-tokens.js';

describe('transfer tokens', () => {
  const tokens = (capacity = 100): { tokens: TransferTokens<string>; advance(ms: number): void } => {
    let now = 0;
    return {
      tokens: new TransferTokens<string>({ capacity, now: () => now }),
      advance: (ms) => {
        now += ms;
      },
    };
  };

  it('redeem once, for what they were bound to', () => {
    const { tokens: made } = tokens();
    const { token } = made.issue({ bind: 'task 1', maxBytes: 10 });
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(made.redeem(token)).toBe('task 1');
    expect(() => made.redeem(token)).toThrow(expect.objectContaining({ code: 'transfer_token_invalid' }));
    expect(made.size).toBe(0);
  });

  it('die all at once when someone who may hold one is expelled', () => {
    const { tokens: made } = tokens();
    const issued = [1, 2].map(() => made.issue({ bind: 'x', maxBytes: 1 }));
    made.revokeAll();
    for (const { token } of issued) {
      expect(() => made.redeem(token)).toThrow(expect.objectContaining({ code: 'transfer_token_invalid' }));
    }
    expect(made.redeem(made.issue({ bind: 'later', maxBytes: 1 }).token)).toBe('later');
  });

  it('die after half a minute, or when they say, or when revoked', () => {
    const { tokens: made, advance } = tokens();
    const [usual, short, revoked] = [{}, { ttlMs: 10 }, {}].map((more) =>
      made.issue({ bind: 'x', maxBytes: 1, ...more }),
    );
    made.revoke(revoked?.token ?? '');
    advance(10);
    for (const dead of [short, revoked]) {
      expect(() => made.redeem(dead?.token ?? '')).toThrow(expect.objectContaining({ code: 'transfer_token_invalid' }));
    }
    advance(29_989);
    expect(made.redeemTransfer(usual?.token ?? '')).toEqual({ bind: 'x', maxBytes: 1 });
    const { token } = made.issue({ bind: 'x', maxBytes: 1 });
    advance(30_000);
    expect(() => made.redeem(token)).toThrow(expect.objectContaining({ code: 'transfer_token_invalid' }));
  });

  it('never fill the memory: beyond the capacity no new one, until old ones expire; and no token itself is kept', () => {
    const { tokens: made, advance } = tokens(3);
    const issued = [1, 2, 3].map(() => made.issue({ bind: 'x', maxBytes: 1 }).token);
    expect(() => made.issue({ bind: 'x', maxBytes: 1 })).toThrow(expect.objectContaining({ code: 'overloaded' }));
    const kept = [...(Reflect.get(made, 'outstanding') as Map<string, unknown>).keys()];
    for (const token of issued) expect(kept).not.toContain(token);
    advance(30_000);
    made.issue({ bind: 'x', maxBytes: 1 });
    expect(made.size).toBe(1);
  });
});

describe('the transfer client', () => {
  let server: Server;
  let url: string;
  let client: TransferClient;
  const seen: { authorization: string | undefined; body: string }[] = [];

  beforeEach(async () => {
    server = createServer(async (request, response) => {
      if (request.url === '/silent') return;
      if (request.url === '/away') {
        response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
        return;
      }
      seen.push({ authorization: request.headers.authorization, body: await text(request) });
      response.writeHead(201, { 'x-answer': 'yes' }).end('thanks');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = new TransferClient();
  });

  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const ticket = (path: string, maxBytes = 100): { url: string; token: string; maxBytes: number } => ({
    url: url + path,
    token: 't'.repeat(43),
    maxBytes,
  });

  it('sends content under the token and hands the answer on as a stream', async () => {
    const answer = await client.transfer(ticket('/in'), { body: 'hello', headers: { 'content-type': 'text/plain' } });
    expect([answer.status, answer.headers['x-answer'], await text(answer.body)]).toEqual([201, 'yes', 'thanks']);
    expect(seen.at(-1)).toEqual({ authorization: `Bearer ${'t'.repeat(43)}`, body: 'hello' });
  });

  it('sends nothing that is larger than agreed, and follows no redirect', async () => {
    const before = seen.length;
    await expect(client.transfer(ticket('/in', 4), { body: 'hello' })).rejects.toMatchObject({
      code: 'body_too_large',
    });
    expect(seen).toHaveLength(before);
    const away = await client.transfer(ticket('/away'), { body: 'hello' });
    expect(away.status).toBe(302);
    await text(away.body);
  });

  it('says why nothing came: nobody there, no answer in time, the caller gave up, closed', async () => {
    const nobody = { ...ticket('/'), url: 'http://127.0.0.1:1/' };
    await expect(client.transfer(nobody, { body: '' })).rejects.toMatchObject({ code: 'node_unreachable' });
    const silent = client.transfer(ticket('/silent'), { body: '', timeoutMs: 50 });
    await expect(silent).rejects.toMatchObject({ code: 'deadline_exceeded' });
    const controller = new AbortController();
    const reason = new Error('hung up');
    const aborted = client.transfer(ticket('/silent'), { body: '', signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
  });

  it('begins nothing once it is closed, by whichever way it is asked', async () => {
    const wanted = { headers: {}, body: Buffer.from('late'), timeoutMs: 1_000 };
    const answer = { head: () => undefined, data: () => undefined };
    const whole = { ...wanted, maxAnswerBytes: 1_000 };
    const sender = new ContentSender({ client, maxAnswerBytes: 1_000 });
    const begin = (): Promise<unknown>[] => [
      client.transfer(ticket('/in'), { body: 'late' }).then((given) => text(given.body)),
      client.exchange(ticket('/in'), whole),
      client.streamed(new URL(ticket('/in').url), wanted, answer),
      ...[1, 2].map(() => sender.send(ticket('/in'), { kind: 'json', body: wanted.body }, 1_000)),
    ];
    await Promise.all(begin());
    await client.close();
    seen.length = 0;
    for (const outcome of await Promise.allSettled(begin()))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'shutting_down' } });
    expect(seen).toEqual([]);
  });
});

describe('the transfer server', () => {
  const made = async (
    handle: (server: TransferServer, request: IncomingMessage, response: ServerResponse) => unknown,
  ) => {
    const internal: unknown[] = [];
    const server: TransferServer = new TransferServer({
      host: '127.0.0.1',
      port: 0,
      bodyTimeoutMs: 5_000,
      statuses: { malformed_body: 400, body_too_large: 413, transfer_token_invalid: 401 },
      onInternalError: (error) => internal.push(error),
      handle: async (request, response) => {
        try {
          await handle(server, request, response);
        } catch (error) {
          server.refuse(request, response, error);
        }
      },
    });
    const url = `http://127.0.0.1:${await server.listen()}/`;
    return { server, url, internal };
  };

  it('reads JSON up to its limit, and refuses the rest in the form of a refusal that quotes nothing', async () => {
    const { server, url, internal } = await made(async (self, request, response) =>
      self.send(response, 200, { token: transferTokenOf(request), body: await readJson(request, 20) }),
    );
    const ask = (body: string, authorization = 'Bearer t') =>
      fetch(url, { method: 'POST', body, headers: authorization ? { authorization } : {} });
    expect(await (await ask('{"a":1}')).json()).toEqual({ token: 't', body: { a: 1 } });
    const refused = async (answer: Promise<Response>) => {
      const { status } = await answer;
      return [status, refusal.parse(await (await answer).json())] as const;
    };
    expect(await refused(ask('{"a":1}', ''))).toMatchObject([401, { code: 'transfer_token_invalid' }]);
    expect(await refused(ask(`"${'x'.repeat(20)}"`))).toMatchObject([413, { code: 'body_too_large' }]);
    const [status, { code, message }] = await refused(ask('{"my secret'));
    expect([status, code, message.includes('secret')]).toEqual([400, 'malformed_body', false]);
    expect(internal).toEqual([]);
    await server.close();
  });

  it('tells nobody outside what broke inside, and counts what is under way', async () => {
    const { server, url, internal } = await made(() => {
      throw new TypeError('a defect with a secret in it');
    });
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('secret')]);
    expect(internal).toHaveLength(1);
    await server.close();
  });

  it('answers what has begun while it drains, and closes the connection with it', async () => {
    let finish = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { server, url } = await made(async (self, _, response) => {
      await begun;
      self.send(response, 200, {});
    });
    const asked = fetch(url);
    await eventually(() => expect(server.inFlight).toBe(1));
    const drained = server.drain();
    finish();
    await drained;
    expect((await asked).headers.get('connection')).toBe('close');
    expect(server.inFlight).toBe(0);
    await server.close();
    await expect(fetch(url)).rejects.toThrow();
  });
});
