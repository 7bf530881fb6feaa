import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '#local-services';
import { eventually } from '#testing';
import { type Ask, load, reconcile as reconcileBooks } from './books.js';
import { StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

describe('one app a process', () => {
  let cluster: StartedCluster;
  let key: string;
  /** All that the person was given, in micro-drops: the opening balance and the grant. */
  let given: bigint;

  beforeAll(async () => {
    cluster = await StartedCluster.start({
      flags: ['--processes'],
      env: {
        GATEWAY_RATE_PER_PERSON: '1000000',
        GATEWAY_RATE_PER_ADDRESS: '1000000',
        RUNNER_INFER_TIMEOUT_MS: '5000',
      },
    });
    key = await cluster.signUp();
    const { person } = (await cluster.request('GET', '/v1/me', key)).body as { person: { personId: string } };
    const grant = { personId: person.personId, amountMicro: '1000000000', memo: 'enough for the load' };
    const granted = await cluster.request('POST', '/v1/grants', cluster.operatorKey, grant);
    expect(granted.status).toBe(201);
    given = BigInt((granted.body as { balanceMicro: string }).balanceMicro);
  }, minutes(4));

  afterAll(async () => {
    await cluster?.stop();
    cluster?.removeData();
  }, minutes(1));

  const ask: Ask = (...request) => cluster.request(...request);

  const infer = () =>
    cluster.request('POST', '/v1/infer', key, {
      model: 'watershed/language-id',
      text: 'Gdzie jest najbliższa studnia?',
    });

  const pidOf = (name: string): number => {
    const running = JSON.parse(readFileSync(join(cluster.dataFolder, 'running.json'), 'utf8')) as {
      processes: { name: string; pid: number }[];
    };
    const found = cluster.processes().find(({ command }) => command.includes(`--services ${name}`));
    return found?.pid ?? running.processes.find((process) => process.name === name)?.pid ?? -1;
  };

  it(
    'carries the demo from sign-up to the ledger',
    () => {
      const demo = cluster.run('demo');
      expect(`${demo.stdout}${demo.stderr}`).toContain('parts went as they should');
      expect(demo.code).toBe(0);
    },
    minutes(2),
  );

  it(
    'is well again after a kill -9 of any process, and loses or doubles nothing that it answered',
    async () => {
      const traffic = load(ask, key, 4);
      for (const name of [
        'index',
        'governance',
        'registry',
        'orchestrator',
        'toll',
        'runner',
        'gateway',
        'pod-host',
        'bridge',
      ]) {
        await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
        process.kill(pidOf(name), 'SIGKILL');
        await eventually(
          async () => {
            expect(cluster.output).toContain(`${name} was killed by SIGKILL`);
            expect((await infer()).status).toBe(200);
          },
          { timeoutMs: 30_000 },
        );
      }
      const tally = await traffic.stop();
      expect(tally.answered.size).toBeGreaterThan(0);
      await reconcile(tally.answered);
    },
    minutes(5),
  );

  const server = () => cluster.processes().find(({ command }) => command.includes('model-server/main.js'));
  const model = () =>
    cluster.descendants(server()?.pid ?? -1).find(({ command }) => /node .*model-child\.js/.test(command));

  it(
    'ends a model that hangs at the runner’s limit, tells who asked, charges them nothing and serves again',
    async () => {
      await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
      const pid = model()?.pid ?? -1;
      process.kill(pid, 'SIGSTOP');
      const asked = await Promise.all([infer(), infer(), infer()]);
      for (const { status, body } of asked)
        expect([
          [504, 'deadline_exceeded'],
          [502, 'model_crashed'],
        ]).toContainEqual([status, (body as { code: string }).code]);
      await eventually(() => expect(isRunning(pid)).toBe(false));
      await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
      const { items } = (await cluster.request('GET', '/v1/purse/usage?limit=50', key)).body as {
        items: { outcome: string; amountMicro: string }[];
      };
      const failed = items.filter(({ outcome }) => outcome === 'failed');
      expect(failed.length).toBeGreaterThanOrEqual(3);
      expect(failed.every(({ amountMicro }) => amountMicro === '0')).toBe(true);
      await reconcile(new Set());
    },
    minutes(2),
  );

  it(
    'answers with a typed error when a model’s process or the whole model server is killed, and serves again by itself',
    async () => {
      for (const victim of [model, server]) {
        await eventually(() => expect(victim()).toBeDefined(), { timeoutMs: 30_000 });
        const traffic = load(ask, key, 8);
        await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
        const pid = victim()?.pid ?? -1;
        process.kill(pid, 'SIGKILL');
        await eventually(() => expect(isRunning(pid)).toBe(false));
        await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
        const tally = await traffic.stop();
        expect(tally.unanswered).toBe(0);
        for (const code of tally.refused.keys())
          expect([
            'model_crashed',
            'model_not_ready',
            'model_server_unavailable',
            'overloaded',
            'no_node_available',
          ]).toContain(code);
        await reconcile(tally.answered);
      }
    },
    minutes(3),
  );

  it(
    'loses no request in flight when it is told to stop, and leaves nothing behind',
    async () => {
      const traffic = load(ask, key, 4);
      await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
      const gateway = pidOf('gateway');
      process.kill(gateway, 'SIGTERM');
      await eventually(() => expect(cluster.processes().map(({ pid }) => pid)).not.toContain(gateway), {
        timeoutMs: 40_000,
      });
      await eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs: 30_000 });
      await reconcile((await traffic.stop()).answered);
      expect(await cluster.stop()).toBe(true);
      expect(await cluster.leftBehind()).toEqual([]);
    },
    minutes(2),
  );

  const reconcile = (answered: ReadonlySet<string>) =>
    reconcileBooks(ask, { key, givenMicro: given }, cluster.operatorKey, answered);
});
