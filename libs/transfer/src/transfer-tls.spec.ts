import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { InternalNetwork } from '#config';
import { type CertificatePair, type ServerCertificate, selfSignedCertificate, serverCertificate } from '#tls';
import { ContentSender } from './content-sender.js';
import { TransferClient, type TransferClientOptions } from './transfer-client.js';
import { TransferServer } from './transfer-server.js';

const hourMs = 3_600_000;
const pairUntil = (endsInMs: number): CertificatePair =>
  selfSignedCertificate({
    name: 'a node of the tests',
    notBefore: new Date(Date.now() - 2 * hourMs),
    notAfter: new Date(Date.now() + endsInMs),
  });

describe('content between machines', () => {
  let seen: string[];
  const closers: (() => Promise<void>)[] = [];

  /** A server with this certificate, and a ticket for it. */
  async function serverWith(tls: ServerCertificate | undefined) {
    const server = new TransferServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      bodyTimeoutMs: 5_000,
      statuses: {},
      onInternalError: () => undefined,
      handle: async (request: IncomingMessage, response: ServerResponse) => {
        seen.push(await text(request));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"n":1}');
      },
    });
    const port = await server.listen();
    closers.push(() => server.close());
    return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/in`, token: 't'.repeat(43), maxBytes: 100 };
  }

  const clientWith = (options: TransferClientOptions): TransferClient => {
    const client = new TransferClient(options);
    closers.push(() => client.close());
    return client;
  };

  beforeEach(() => {
    seen = [];
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('goes to whoever shows the certificate that the manifest names, as a stream, whole, and many together', async () => {
    const certificate = serverCertificate(pairUntil(hourMs));
    const ticket = await serverWith(certificate);
    const asked: string[] = [];
    const client = clientWith({
      certificateOf: (origin) => {
        asked.push(origin);
        return certificate.fingerprint;
      },
    });
    const answer = await client.transfer(ticket, { body: 'streamed' });
    expect([answer.status, await text(answer.body)]).toEqual([200, '{"n":1}']);
    const sender = new ContentSender({ client, maxAnswerBytes: 1_000 });
    const sent = await sender.send(ticket, { kind: 'json', body: Buffer.from('whole') }, 5_000);
    expect([sent.status, String(sent.body)]).toEqual([200, '{"n":1}']);
    expect(seen).toEqual(['streamed', 'whole']);
    expect(new Set(asked)).toEqual(new Set([new URL(ticket.url).origin]));
  });

  it.each([
    ['another certificate than the one named', hourMs, () => serverCertificate(pairUntil(hourMs)).fingerprint],
    ['one that nobody named', hourMs, () => undefined],
    ['the one named, which has expired', -hourMs, (shown: ServerCertificate) => shown.fingerprint],
  ])(
    'does not go to who shows %s: not a byte of it',
    async (_, endsInMs: number, named: (shown: ServerCertificate) => string | undefined) => {
      const pair = pairUntil(endsInMs);
      // As it was when it was read: a server may run for longer than its certificate is good.
      const certificate = serverCertificate(pair, new Date(Date.now() - 1.5 * hourMs));
      const ticket = await serverWith(certificate);
      const client = clientWith({ certificateOf: () => named(certificate) });
      const refused = {
        code: 'node_unreachable',
        message: expect.stringContaining('certificate that its manifest names'),
      };
      await expect(client.transfer(ticket, { body: 'secret' })).rejects.toMatchObject(refused);
      const body = Buffer.from('secret');
      const exchange = { headers: {}, body, timeoutMs: 5_000, maxAnswerBytes: 100 };
      await expect(client.exchange(ticket, exchange)).rejects.toMatchObject(refused);
      const sender = new ContentSender({ client, maxAnswerBytes: 1_000 });
      const both = [1, 2].map(() => sender.send(ticket, { kind: 'json', body }, 5_000));
      for (const each of both) await expect(each).rejects.toMatchObject(refused);
      expect(seen).toEqual([]);
    },
  );

  it('follows the manifest: a new certificate is believed as soon as it is named', async () => {
    const [before, after] = [serverCertificate(pairUntil(hourMs)), serverCertificate(pairUntil(hourMs))];
    let named = before.fingerprint;
    const ticket = await serverWith(after);
    const client = clientWith({ certificateOf: () => named });
    await expect(client.transfer(ticket, { body: 'x' })).rejects.toMatchObject({ code: 'node_unreachable' });
    named = after.fingerprint;
    const answer = await client.transfer(ticket, { body: 'x' });
    await text(answer.body);
    expect(seen).toEqual(['x']);
  });

  it('goes to nobody by a certificate that is no longer named, though a connection to who shows it is open', async () => {
    const [stolen, after] = [serverCertificate(pairUntil(hourMs)), serverCertificate(pairUntil(hourMs))];
    let named: string | undefined = stolen.fingerprint;
    const ticket = await serverWith(stolen);
    const client = clientWith({ certificateOf: () => named });
    const body = Buffer.from('before');
    const exchange = { headers: {}, body, timeoutMs: 5_000, maxAnswerBytes: 100 };
    await client.exchange(ticket, exchange);
    for (const now of [after.fingerprint, undefined]) {
      named = now;
      const refused = { code: 'node_unreachable' };
      await expect(client.exchange(ticket, { ...exchange, body: Buffer.from('secret') })).rejects.toMatchObject(
        refused,
      );
      await expect(client.transfer(ticket, { body: 'secret' })).rejects.toMatchObject(refused);
    }
    expect(seen).toEqual(['before']);
  });

  it('goes in plain text on this machine and the internal network alone', async () => {
    const ticket = await serverWith(undefined);
    const client = clientWith({ network: new InternalNetwork(['runner.internal']) });
    await text((await client.transfer(ticket, { body: 'here' })).body);
    expect(seen).toEqual(['here']);
    for (const host of ['10.0.0.7', 'runner.example', '[fd00::7]']) {
      const abroad = { ...ticket, url: `http://${host}:4105/in` };
      const refused = { code: 'node_unreachable', message: expect.stringContaining('plain text') };
      await expect(client.transfer(abroad, { body: 'x' })).rejects.toMatchObject(refused);
      const exchange = { headers: {}, body: Buffer.from('x'), timeoutMs: 5_000, maxAnswerBytes: 100 };
      await expect(client.exchange(abroad, exchange)).rejects.toMatchObject(refused);
    }
    // Tried, and not there: no name server is asked for less.
    const declared = client.transfer(
      { ...ticket, url: 'http://runner.internal:1/in' },
      { body: 'x', timeoutMs: 2_000 },
    );
    await expect(declared).rejects.not.toMatchObject({ message: expect.stringContaining('plain text') });
  });
});
