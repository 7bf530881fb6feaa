import fc from 'fast-check';
import { isRunning } from '#local-services';
import { eventually, propertyRuns } from '#testing';
import { FaultedCluster, services } from './faulted-cluster.js';
import { type Fault, serviceFaults, storageFaults } from './injected-faults.js';

const minutes = (n: number) => n * 60_000;

/** All of them in `npm run test:all`; in `npm test` one of each kind that strikes a service, the same every time. */
const chosenFaults = (): Fault[] => {
  const { seed } = propertyRuns(1);
  const ofServices = serviceFaults.flatMap((kind) =>
    seed === undefined ? kind : fc.sample(fc.constantFrom(...kind), { numRuns: 1, seed }),
  );
  return [...storageFaults, ...ofServices];
};

describe('one app a process', () => {
  let stand: FaultedCluster;

  beforeAll(async () => {
    stand = await FaultedCluster.start();
  }, minutes(4));

  afterAll(async () => {
    await stand?.stop();
  }, minutes(1));

  it(
    'carries the demo from sign-up to the ledger',
    () => {
      const demo = stand.cluster.run('demo');
      expect(`${demo.stdout}${demo.stderr}`).toContain('parts went as they should');
      expect(demo.code).toBe(0);
    },
    minutes(2),
  );

  it(
    'is well again after a kill -9 of any process, and loses or doubles nothing that it answered',
    async () => {
      const traffic = stand.load();
      for (const name of services) {
        await stand.serves();
        process.kill(stand.pidOf(name), 'SIGKILL');
        await eventually(() => expect(stand.cluster.output).toContain(`${name} was killed by SIGKILL`));
        await stand.serves();
        await stand.whole();
      }
      const tally = await traffic.stop();
      expect(tally.answered.size).toBeGreaterThan(0);
      await stand.reconcile(tally.answered);
    },
    minutes(5),
  );

  it.each(chosenFaults())(
    'loses and doubles nothing under load, and is well again by itself, when $name',
    async ({ inject, refusesConnections = false }) => {
      const { unanswered } = await stand.survives(() => inject(stand));
      if (!refusesConnections) expect(unanswered).toBe(0);
    },
    minutes(3),
  );

  const server = () => stand.cluster.processes().find(({ command }) => command.includes('model-server/main.js'));
  const model = () =>
    stand.cluster.descendants(server()?.pid ?? -1).find(({ command }) => /node .*model-child\.js/.test(command));

  it(
    'ends a model that hangs at the runner’s limit, tells who asked, charges them nothing and serves again',
    async () => {
      await stand.serves();
      const pid = model()?.pid ?? -1;
      process.kill(pid, 'SIGSTOP');
      const asked = await Promise.all([stand.infer(), stand.infer(), stand.infer()]);
      for (const { status, body } of asked)
        expect([
          [504, 'deadline_exceeded'],
          [502, 'model_crashed'],
        ]).toContainEqual([status, (body as { code: string }).code]);
      await eventually(() => expect(isRunning(pid)).toBe(false));
      await stand.serves();
      const { items } = (await stand.ask('GET', '/v1/purse/usage?limit=50', stand.key)).body as {
        items: { outcome: string; amountMicro: string }[];
      };
      const failed = items.filter(({ outcome }) => outcome === 'failed');
      expect(failed.length).toBeGreaterThanOrEqual(3);
      expect(failed.every(({ amountMicro }) => amountMicro === '0')).toBe(true);
      await stand.reconcile(new Set());
    },
    minutes(2),
  );

  it(
    'answers with a typed error when a model’s process or the whole model server is killed, and serves again by itself',
    async () => {
      for (const victim of [model, server]) {
        await eventually(() => expect(victim()).toBeDefined(), { timeoutMs: 30_000 });
        const traffic = stand.load(8);
        await stand.serves();
        const pid = victim()?.pid ?? -1;
        process.kill(pid, 'SIGKILL');
        await eventually(() => expect(isRunning(pid)).toBe(false));
        await stand.serves();
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
        await stand.reconcile(tally.answered);
      }
    },
    minutes(3),
  );

  it(
    'loses no request in flight when it is told to stop, and leaves nothing behind',
    async () => {
      const traffic = stand.load();
      await stand.serves();
      const gateway = stand.pidOf('gateway');
      process.kill(gateway, 'SIGTERM');
      await eventually(() => expect(stand.cluster.processes().map(({ pid }) => pid)).not.toContain(gateway), {
        timeoutMs: 40_000,
      });
      await stand.serves();
      await stand.reconcile((await traffic.stop()).answered);
      expect(await stand.cluster.stop()).toBe(true);
      expect(await stand.cluster.leftBehind()).toEqual([]);
    },
    minutes(2),
  );
});
