import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { TransferClient } from './transfer-client.js';
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
    await client.close();
    await expect(client.transfer(ticket('/in'), { body: '' })).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
