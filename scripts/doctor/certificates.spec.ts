import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMetrics } from '#telemetry';
import { selfSignedCertificate } from '#tls';
import { Api } from '../watershed/api.js';
import { certificateChecks } from './certificates.js';

const dayMs = 86_400_000;

describe('certificates that end', () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'watershed-certificates-'));
  const open: Server[] = [];
  afterEach(async () => {
    await Promise.all(
      open.splice(0).map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
    rmSync(join(dataFolder, 'running.json'), { force: true });
  });
  afterAll(() => rmSync(dataFolder, { recursive: true }));

  async function listen(server: Server): Promise<number> {
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** Shows a real certificate with so many days left. */
  async function showing(days: number): Promise<string> {
    const pair = selfSignedCertificate({
      name: 'gateway',
      notBefore: new Date(Date.now() - 100 * dayMs),
      notAfter: new Date(Date.now() + days * dayMs + 60_000),
    });
    return `https://127.0.0.1:${await listen(createServer({ cert: pair.cert, key: pair.key }))}`;
  }

  /** A process of this machine whose metrics tell when what it shows ends. */
  async function pod(days: number): Promise<void> {
    const metrics = createMetrics('pod-host');
    metrics.gauge('certificate_expiry_timestamp_seconds', 'End').set((Date.now() + days * dayMs + 60_000) / 1_000);
    const page = await metrics.registry.metrics();
    const metricsPort = await listen(createPlainServer((_request, response) => response.end(page)));
    writeFileSync(join(dataFolder, 'running.json'), JSON.stringify({ processes: [{ name: 'core', metricsPort }] }));
  }

  async function findings(url: string, nodes: readonly string[] = []) {
    const items = nodes.map((each) => ({ health: 'alive', manifest: { services: ['runner'], url: each } }));
    // In plain text: whether the gateway's certificate is believed is not what is tried here.
    const answering = createPlainServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items })),
    );
    const api = new Api({ url: `http://127.0.0.1:${await listen(answering)}`, dataFolder, key: 'x' });
    return Promise.all(certificateChecks({ dataFolder, url, api }).map((check) => check.run()));
  }

  it('are counted in days, wherever they are shown', async () => {
    await pod(3_650);
    const runner = await showing(40);
    expect(await findings(await showing(364), [runner])).toEqual([
      { ok: true, seen: 'runner 40 days, gateway 364 days, pod-host 3650 days left' },
      { ok: true, seen: 'nothing ends within 30 days' },
    ]);
  });

  it('are told of thirty days before, and again when they have ended', async () => {
    await pod(3_650);
    const [fine, near] = await findings(await showing(29), [await showing(-3)]);
    expect(fine).toEqual({
      ok: false,
      wrong: expect.stringMatching(/^that of runner ended on \d{4}-\d\d-\d\d$/),
      remedy: expect.stringContaining('restart'),
    });
    expect(near).toMatchObject({
      ok: true,
      seen: expect.stringContaining('gateway 29 days'),
      soon: expect.stringContaining('restart'),
    });
    await pod(12);
    const [, ending] = await findings(await showing(200));
    expect(ending).toMatchObject({ ok: true, seen: 'pod-host 12 days left' });
  });

  it('are none where nothing speaks TLS, and one that is not reached is another check’s', async () => {
    for (const url of ['http://127.0.0.1:1', 'https://127.0.0.1:1'])
      expect((await findings(url, ['https://127.0.0.1:1'])).map(({ ok }) => ok)).toEqual([true, true]);
  });
});
