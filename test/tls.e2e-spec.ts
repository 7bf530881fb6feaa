import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { request } from 'undici';
import { certificateFiles, eventually, type SecuredServer, securedPostgres, securedRedis } from '#testing';
import { agentFor, readCertificate } from '#tls';
import { JoiningNode } from './joining-node.js';
import { freePortRange, runCommand, StartedCluster } from './started-cluster.js';

const minutes = (count: number) => count * 60_000;

interface NodeSeen {
  readonly nodeId: string;
  readonly health: string;
  readonly manifest: { readonly services: readonly string[]; readonly url?: string; readonly tlsFingerprint?: string };
}

describe('a cluster of which nothing travels in plain text', () => {
  let folder: string;
  let redis: SecuredServer;
  let postgres: SecuredServer;
  let cluster: StartedCluster;
  let fingerprint: string;
  let authorityFile: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-tls-'));
    const storage = certificateFiles(folder, ['127.0.0.1']);
    const gateway = certificateFiles(folder, ['gateway.example']);
    authorityFile = storage.certFile;
    ({ fingerprint } = readCertificate(gateway.certFile, gateway.keyFile));
    [redis, postgres] = await Promise.all([securedRedis(storage), securedPostgres(storage)]);
    const port = await freePortRange();
    cluster = await StartedCluster.start({
      port,
      env: {
        REDIS_URL: redis.url,
        DATABASE_URL: postgres.url,
        WATERSHED_CA_FILE: storage.certFile,
        GATEWAY_TLS_CERT_FILE: gateway.certFile,
        GATEWAY_TLS_KEY_FILE: gateway.keyFile,
        // As on machines of their own; the ports are those that the start gives them.
        POD_HOST_PUBLIC_URL: `https://127.0.0.1:${port + 3}`,
        REGISTRY_PUBLIC_URL: `https://127.0.0.1:${port + 4}`,
        RUNNER_PUBLIC_URL: `https://127.0.0.1:${port + 5}`,
      },
    });
  }, minutes(3));

  afterAll(async () => {
    expect(await cluster.stop()).toBe(true);
    expect(await cluster.leftBehind()).toEqual([]);
    cluster.removeData();
    await Promise.all([redis.stop(), postgres.stop()]);
    rmSync(folder, { recursive: true });
  }, minutes(1));

  const nodes = async (): Promise<readonly NodeSeen[]> => {
    const dispatcher = agentFor(fingerprint);
    const headers = { authorization: `Bearer ${cluster.operatorKey}` };
    const url = `https://127.0.0.1:${cluster.port}/v1/nodes?limit=200`;
    const answer = await request(url, { dispatcher, headers });
    const { items } = (await answer.body.json()) as { items: readonly NodeSeen[] };
    await dispatcher.close();
    return items;
  };

  it(
    'serves the demo and is well: people, models, inferences, pods and the ledger',
    async () => {
      const demo = cluster.run('demo');
      expect([demo.code, demo.stderr]).toEqual([0, '']);
      expect(demo.stdout).toContain(`against https://127.0.0.1:${cluster.port}`);
      // The gateway's certificate was made for a day, the nodes' for ten years.
      const doctor = cluster.run('doctor');
      expect(doctor.stdout).toContain('✓  certificates: gateway 0 days, ');
      expect(doctor.stdout).toMatch(/^! {2}renewal: gateway 0 days left$/m);
      expect(doctor.stdout).toMatch(/pod-host 36\d\d days/);
      expect(doctor.stdout).toContain('All is well for now');
      expect(doctor.code).toBe(0);
      const content = (await nodes()).filter(({ manifest }) => manifest.url?.startsWith('https:'));
      const named = content.map(({ manifest }) => [
        manifest.services.join(),
        /^[0-9a-f]{64}$/.test(manifest.tlsFingerprint ?? ''),
      ]);
      expect(named.sort()).toEqual([
        ['gateway', true],
        ['pod-host', true],
        ['registry', true],
        ['runner', true],
      ]);
      const admin = new pg.Client({ connectionString: `${postgres.url}&sslrootcert=${authorityFile}` });
      await admin.connect();
      const { rows } = await admin.query<{ ssl: boolean; services: string }>(
        `SELECT ssl, count(*) > 5 AS services FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name LIKE 'watershed-%' GROUP BY ssl`,
      );
      await admin.end();
      expect(rows).toEqual([{ ssl: true, services: true }]);
    },
    minutes(2),
  );

  it(
    'lets a node in over TLS alone, to the certificate that came with its ticket, which it then still holds',
    async () => {
      const node = JoiningNode.invite(cluster, cluster.port + 35, 'https');
      const { gatewayUrl, gatewayFingerprint } = node.joinFile;
      expect([gatewayUrl, gatewayFingerprint]).toEqual([`https://127.0.0.1:${cluster.port}`, fingerprint]);
      const refusals = [
        [{ gatewayFingerprint: '0'.repeat(64) }, 'does not show the gateway'],
        // Then authorities would have to vouch for it.
        [{ gatewayFingerprint: undefined }, 'does not show the gateway'],
        [{ gatewayUrl: 'http://192.0.2.1:4100' }, 'plain text'],
      ] as const;
      for (const [change, reason] of refusals) {
        const { code, stderr } = node.startChanged(change);
        expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(reason)]]);
      }
      try {
        node.start();
        await eventually(
          async () => {
            const joined = (await nodes()).find(({ nodeId }) => nodeId === node.nodeId);
            expect(joined?.health).toBe('alive');
            expect(joined?.manifest.tlsFingerprint).toMatch(/^[0-9a-f]{64}$/);
          },
          { timeoutMs: 30_000 },
        );
      } finally {
        await node.stop();
      }
    },
    minutes(2),
  );

  it('makes no ticket for a place that would be reached in plain text', () => {
    const key = cluster.watershedNow(['nodes', 'key', 'runner', '--node-data', join(folder, 'node')]).stdout.trim();
    const ticket = (...where: string[]) =>
      cluster.watershedNow(['nodes', 'ticket', key, ...where, '--out', join(folder, 'x')]);
    for (const option of ['--node-url', '--gateway-url']) {
      const { code, stderr } = ticket(option, 'http://192.0.2.1:4105');
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^watershed: .*plain text.*\n$/)]);
    }
  });

  it('does not start on a Redis or Postgres that it would speak to in plain text, and repeats no password', () => {
    // Ports in use, as this cluster's are, would be said after what the operator wrote.
    const start = (env: NodeJS.ProcessEnv) =>
      runCommand(
        'npm',
        ['start', '--silent', '--', '--port', String(cluster.port), '--data', join(folder, 'plain')],
        env,
      );
    const places = {
      REDIS_URL: 'redis://:hunter2@192.0.2.1:6379',
      DATABASE_URL: 'postgres://u:hunter2@192.0.2.1/db?sslmode=require',
    };
    for (const [name, url] of Object.entries(places)) {
      const { code, stderr } = start({ [name]: url });
      expect([code, stderr.trim().split('\n')]).toEqual([
        1,
        [expect.stringMatching(new RegExp(`${name} .*plain text`))],
      ]);
      expect(stderr).not.toContain('hunter2');
    }
  });
});
