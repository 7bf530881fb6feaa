import { spawnSync } from 'node:child_process';
import { constants, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { eventually } from '#testing';
import { load } from './books.js';
import { JoiningNode } from './joining-node.js';
import { runCommand, StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

describe('npm start on this machine', () => {
  let cluster: StartedCluster;
  let key: string;

  beforeAll(async () => {
    // As on a machine that keeps cores: what is started from here inherits it.
    spawnSync('prlimit', ['--pid', String(process.pid), '--core=unlimited']);
    cluster = await StartedCluster.start();
  }, minutes(4));

  afterAll(async () => {
    await cluster?.stop();
    cluster?.removeData();
  }, minutes(1));

  it('shows where things are, and the operator’s key only as a file that no other user can read', () => {
    expect(cluster.output).toContain(cluster.url);
    expect(cluster.output).toContain(`${cluster.url}/docs`);
    expect(cluster.output).not.toContain(cluster.operatorKey);
    expect(statSync(join(cluster.dataFolder, 'operator', 'api-key')).mode & 0o777).toBe(0o600);
  });

  it('writes no core file, whichever of its processes falls: their memory holds keys and what people send', () => {
    const ours = cluster.processes().filter(({ command }) => !command.startsWith('npm '));
    const limits = ours.map(({ pid, command }) => {
      const [, soft, hard] =
        /^Max core file size +(\S+) +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
      return `${soft} ${hard} ${command}`;
    });
    expect(limits.length).toBeGreaterThan(5);
    expect(limits.filter((line) => !line.startsWith('0 0 '))).toEqual([]);
  });

  it(
    'prints a line that works when pasted',
    () => {
      const line = cluster.output.split('\n').find((text) => text.trim().startsWith('KEY='));
      const pasted = runCommand('bash', ['-c', line ?? 'false']);
      expect(JSON.parse(pasted.stdout)).toMatchObject({ model: 'watershed/language-id', labels: expect.any(Array) });
      expect((JSON.parse(pasted.stdout) as { labels: { label: string }[] }).labels[0]?.label).toBe('de');
    },
    minutes(1),
  );

  it(
    'carries the demo from sign-up to the ledger',
    () => {
      const demo = cluster.run('demo');
      expect(`${demo.stdout}${demo.stderr}`).toContain('parts went as they should');
      expect(demo.code).toBe(0);
    },
    minutes(2),
  );

  it('keeps everything for its own user: no other one may as much as list a folder of it', () => {
    const open: string[] = [];
    const look = (path: string): void => {
      const { mode } = lstatSync(path);
      if ((mode & 0o077) !== 0 && (mode & constants.S_IFMT) !== constants.S_IFLNK)
        open.push(`${mode.toString(8)} ${path}`);
      if ((mode & constants.S_IFMT) === constants.S_IFDIR) for (const name of readdirSync(path)) look(join(path, name));
    };
    // Postgres removes and renames files of its log meanwhile.
    for (const name of readdirSync(cluster.dataFolder)) if (name !== 'postgres') look(join(cluster.dataFolder, name));
    expect(open).toEqual([]);
    for (const folder of ['', 'postgres', 'runner/models']) {
      expect([folder, statSync(join(cluster.dataFolder, folder)).mode & 0o777]).toEqual([folder, 0o700]);
    }
  });

  it('speaks to its Postgres and its Redis by sockets alone', async () => {
    const { postgresPassword, redisPassword } = JSON.parse(readFileSync(cluster.seen('secrets.json'), 'utf8'));
    const admin = new pg.Client(`postgres://postgres:${postgresPassword}@127.0.0.1:${cluster.port + 1}/postgres`);
    await admin.connect();
    const { rows } = await admin.query<{ services: number; tcp: number }>(
      `SELECT count(DISTINCT application_name)::int AS services, count(client_addr)::int AS tcp
       FROM pg_stat_activity WHERE application_name LIKE 'watershed-%'`,
    );
    await admin.end();
    expect(rows).toEqual([{ services: expect.any(Number), tcp: 0 }]);
    expect(rows[0]?.services).toBeGreaterThan(3);
    const redis = new Redis({ host: '127.0.0.1', port: cluster.port + 2, password: redisPassword });
    const own = `id=${await redis.client('ID')} `;
    const others = String(await redis.client('LIST'))
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith(own));
    redis.disconnect();
    expect(others.length).toBeGreaterThan(3);
    expect(others.filter((line) => !line.includes(` addr=${cluster.seen('redis', 'redis.sock')}:0 `))).toEqual([]);
  });

  it(
    'is found well by the doctor',
    () => {
      const doctor = cluster.run('doctor');
      expect(doctor.stdout).toContain('All is well.');
      expect(doctor.code).toBe(0);
    },
    minutes(1),
  );

  it(
    'lets a node of another machine in by a ticket, once, and out of everything within a second',
    async () => {
      const node = JoiningNode.invite(cluster, cluster.port + 35);
      const health = async () => {
        const { body } = await cluster.request('GET', '/v1/nodes?limit=200', cluster.operatorKey);
        const found = (body as { items: { nodeId: string; health: string }[] }).items;
        return found.find(({ nodeId }) => nodeId === node.nodeId)?.health;
      };
      try {
        const { ticket, manifest } = node.joinFile;
        const join = (change: object) =>
          cluster.request('POST', '/v1/join', undefined, {
            ...{ ticket, manifest, redisPasswordSha256: '0'.repeat(64) },
            ...change,
          });
        const refusals = [
          [{ ticket: 'x'.repeat(43) }, 'signature_invalid'],
          [{ manifest: { ...manifest, signatures: [{ protected: 'e30', signature: 'x' }] } }, 'signature_invalid'],
        ] as const;
        for (const [change, code] of refusals) expect((await join(change)).body).toMatchObject({ code });
        expect(node.startElsewhere()).toMatchObject({ code: 1, stderr: expect.stringContaining('another node') });

        node.start();
        await eventually(async () => (await health()) === 'alive', { timeoutMs: 30_000 });
        const redis = node.redis();
        // Of the address that it was told: no parameter names a socket of this machine.
        expect(redis?.options).not.toHaveProperty('socket');
        await expect(redis?.set('x', '1')).rejects.toThrow(/^NOPERM/);

        const expelled = cluster.watershed(['nodes', 'expel', node.nodeId, '--reason', 'a trial']);
        expect(expelled.code).toBe(0);
        await eventually(() => redis?.status === 'end', { timeoutMs: 1_000 });
        const again = node.redis();
        await expect(again?.ping()).rejects.toThrow();
        again?.disconnect();
        await eventually(async () => expect(await health()).toBe('expelled'), { timeoutMs: 1_000 });
      } finally {
        await node.stop();
      }
    },
    minutes(2),
  );

  it(
    'refuses a second start on the same data, and on the same ports, in one line each',
    async () => {
      const again = runCommand('npm', [
        'start',
        '--silent',
        '--',
        '--port',
        String(cluster.port),
        '--data',
        cluster.dataFolder,
      ]);
      expect(again.code).toBe(1);
      expect(again.stderr.trim().split('\n')).toEqual([expect.stringContaining('runs on')]);
      const folder = mkdtempSync(join(tmpdir(), 'watershed-e2e-'));
      const other = runCommand('npm', [
        'start',
        '--silent',
        '--',
        '--port',
        String(cluster.port),
        '--data',
        join(folder, 'data'),
      ]);
      rmSync(folder, { recursive: true });
      expect(other.code).toBe(1);
      expect(other.stderr.trim().split('\n')).toEqual([
        expect.stringMatching(/^watershed: Port \d+ .* in use: .*--port/),
      ]);
    },
    minutes(1),
  );

  it(
    'keeps the data over a stop and a start that is ready in seconds, and leaves no process behind',
    async () => {
      key = await cluster.signUp();
      expect(await cluster.stop()).toBe(true);
      expect(await cluster.leftBehind()).toEqual([]);
      expect(cluster.goodByes()).toEqual({ taken: 9, missed: 0 });
      // The start after it wraps people's and pods' keys anew, and all that follows reads them by the new ones.
      const keks = ['kek', 'pod-kek.json'].map((name) => join(cluster.dataFolder, 'keys', name));
      const before = keks.map((file) => readFileSync(file, 'utf8'));
      for (const owner of ['people', 'pods']) expect(cluster.watershed(['kek', 'rotate', owner]).code).toBe(0);
      const began = performance.now();
      cluster = await StartedCluster.start({ port: cluster.port, dataFolder: cluster.dataFolder });
      expect(performance.now() - began).toBeLessThan(20_000);
      for (const [at, file] of keks.entries()) {
        expect(readFileSync(file, 'utf8')).not.toBe(before[at]);
        expect(existsSync(`${file}.next`)).toBe(false);
      }
      const me = await cluster.request('GET', '/v1/me', key);
      expect(me.status).toBe(200);
      const answer = await cluster.request('POST', '/v1/infer', key, {
        model: 'watershed/language-id',
        text: 'Le moulin tourne encore près du vieux pont.',
      });
      expect(answer).toMatchObject({
        status: 200,
        body: { labels: [{ label: 'fr' }, ...Array(18).fill(expect.anything())] },
      });
    },
    minutes(3),
  );

  it(
    'answers all that is in flight when the process of gateway and ledger is told to stop, and starts it again',
    async () => {
      const gateway = () => cluster.processes().find(({ command }) => /--services \S*\bgateway\b/.test(command))?.pid;
      const pid = gateway() ?? -1;
      const person = await cluster.signUp();
      const traffic = load((...asked) => cluster.request(...asked), person, 2);
      await eventually(() => expect(traffic.answered()).toBeGreaterThan(3), { timeoutMs: 10_000 });
      process.kill(pid, 'SIGTERM');
      await eventually(() => expect(gateway()).not.toBe(pid), { timeoutMs: 20_000 });
      expect([...(await traffic.stop()).refused]).toEqual([]);
      await eventually(async () => expect((await cluster.request('GET', '/v1/purse', person)).status).toBe(200), {
        timeoutMs: 30_000,
      });
    },
    minutes(2),
  );

  it(
    'recovers after a kill -9 of the supervisor, which leaves no process behind',
    async () => {
      await cluster.kill();
      expect(await cluster.leftBehind(10_000)).toEqual([]);
      cluster = await StartedCluster.start({ port: cluster.port, dataFolder: cluster.dataFolder });
      expect((await cluster.request('GET', '/v1/me', key)).status).toBe(200);

      // With every guard, so that Redis and Postgres are left, which hold their ports.
      for (const { pid, command } of cluster.processes())
        if (!/^\S*(redis-server|postgres)[: ]/.test(command)) process.kill(pid, 'SIGKILL');
      await cluster.kill();
      cluster = await StartedCluster.start({ port: cluster.port, dataFolder: cluster.dataFolder });
      expect((await cluster.request('GET', '/v1/me', key)).status).toBe(200);
      const doctor = cluster.run('doctor');
      expect(`${doctor.stdout}${doctor.stderr}`).toContain('All is well.');
    },
    minutes(3),
  );

  it(
    'lets three operators vote a node out and back in: one changes nothing, two do, and anyone counts the same',
    async () => {
      const keys = mkdtempSync(join(dirname(cluster.dataFolder), 'keys-'));
      const as = (name: string) => ['--key', join(keys, `${name}.json`)];
      const watershed = (...args: string[]) => {
        const ran = cluster.watershedNow(args);
        return `${ran.stdout}${ran.stderr}`.trim();
      };
      for (const name of ['bob', 'carol']) {
        watershed('operators', 'create-key', join(keys, `${name}.json`));
        watershed('operators', 'add', join(keys, `${name}.json.pub`), '--name', name, '--reason', 'runs nodes too');
      }
      const open =
        watershed('proposals', 'list')
          .split('\n')
          .find((line) => / open /.test(line)) ?? '';
      const [proposal = ''] = open.split(' ');
      expect(watershed('proposals', 'vote', proposal, 'for', ...as('carol'))).toContain('(role_missing)');
      expect(watershed('proposals', 'vote', proposal, 'for', ...as('bob'))).toContain('has passed');

      const identity = () => cluster.request('GET', '/v1/cluster');
      const listed = (await cluster.request('GET', '/v1/nodes', cluster.operatorKey)).body as {
        items: { nodeId: string; manifest: { services: string[] } }[];
      };
      const bridge = listed.items.find(({ manifest }) => manifest.services.includes('bridge'))?.nodeId ?? '';
      const expel = ['nodes', 'expel', bridge, '--reason', 'it lied'];
      expect(watershed(...expel)).toContain('is open: 1 for, 0 against, 2 needed');
      expect(watershed(...expel, ...as('nobody'))).toContain('There is no key file');
      expect((await identity()).status).toBe(200);
      expect(watershed(...expel, ...as('bob'))).toContain(`${bridge} is expelled. (2 for, 0 against, 2 needed)`);
      await eventually(async () => expect((await identity()).status).toBe(503), { timeoutMs: 1_000 });
      const counted = watershed('governance', 'recount');
      expect(counted).toMatch(/The log holds: \d+ entries.*\n.*bob, carol\n.*8 admitted, 0 paused, \d expelled/);
      const [, head = ''] = /head +(\S+)/.exec(counted) ?? [];

      const admit = ['nodes', 'admit', bridge, '--reason', 'it was the clock', ...as('bob')];
      watershed(...admit);
      expect(watershed(...admit.slice(0, -2), ...as('carol'))).toContain('is admitted');
      expect(watershed('governance', 'recount', '--contains', head)).toContain('9 admitted');
      expect(watershed('governance', 'recount', '--contains', '0'.repeat(64))).toContain('was rewritten');
    },
    minutes(2),
  );
});
