import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '#local-services';
import { eventually } from '#testing';
import { StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

interface Tally {
  readonly answered: Set<string>;
  readonly refused: Map<string, number>;
  readonly unanswered: number;
}

/** Asks for inferences one after the other in several lanes until told to stop; what was answered is kept by usage id. */
function load(cluster: StartedCluster, key: string, lanes: number): { stop(): Promise<Tally> } {
  const answered = new Set<string>();
  const refused = new Map<string, number>();
  let unanswered = 0;
  let going = true;
  const lane = async () => {
    while (going) {
      try {
        const { status, body } = await cluster.request('POST', '/v1/infer', key, {
          model: 'watershed/language-id',
          text: 'Det regnede hele natten, og åen gik over sine bredder.',
        });
        if (status === 200) answered.add((body as { usageId: string }).usageId);
        else {
          const { code } = body as { code: string };
          refused.set(code, (refused.get(code) ?? 0) + 1);
        }
      } catch {
        unanswered += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const running = Array.from({ length: lanes }, lane);
  return {
    stop: async () => {
      going = false;
      await Promise.all(running);
      return { answered, refused, unanswered };
    },
  };
}

describe('one app a process', () => {
  let cluster: StartedCluster;
  let key: string;
  /** All that the person was given, in micro-drops: the opening balance and the grant. */
  let given: bigint;

  beforeAll(async () => {
    cluster = await StartedCluster.start({
      flags: ['--processes'],
      env: { GATEWAY_RATE_PER_PERSON: '1000000', GATEWAY_RATE_PER_ADDRESS: '1000000' },
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
      const traffic = load(cluster, key, 4);
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

  it(
    'answers with a typed error when a model’s process or the whole model server is killed, and serves again by itself',
    async () => {
      const server = () => cluster.processes().find(({ command }) => command.includes('model-server/main.js'));
      const model = () =>
        cluster.descendants(server()?.pid ?? -1).find(({ command }) => /node .*model-child\.js/.test(command));
      for (const victim of [model, server]) {
        await eventually(() => expect(victim()).toBeDefined(), { timeoutMs: 30_000 });
        const traffic = load(cluster, key, 8);
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
      const traffic = load(cluster, key, 4);
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

  /** Every answer has its usage row, every row is posted, and the ledger took what the rows say. */
  async function reconcile(answered: ReadonlySet<string>): Promise<void> {
    await eventually(
      async () => {
        const rows = new Map<string, { amountMicro: string; transferId?: string; outcome: string }>();
        let cursor = '';
        do {
          const page = (await cluster.request('GET', `/v1/purse/usage?limit=200${cursor}`, key)).body as {
            items: { usageId: string; amountMicro: string; transferId?: string; outcome: string }[];
            nextCursor?: string;
          };
          for (const row of page.items) {
            expect(rows.has(row.usageId)).toBe(false);
            rows.set(row.usageId, row);
          }
          cursor = page.nextCursor ? `&cursor=${encodeURIComponent(page.nextCursor)}` : '';
        } while (cursor);
        for (const usageId of answered) expect(rows.get(usageId)?.outcome).toBe('answered');
        const posted = [...rows.values()].reduce((sum, row) => sum + BigInt(row.amountMicro), 0n);
        const purse = (await cluster.request('GET', '/v1/purse', key)).body as {
          balanceMicro: string;
          unpostedMicro: string;
        };
        const statement = (await cluster.request('GET', '/v1/purse/statement?limit=200', key)).body as {
          items: { amountMicro: string }[];
          unposted: unknown[];
          nextCursor?: string;
        };
        expect(statement.unposted).toEqual([]);
        const booked = statement.items.reduce((sum, entry) => sum + BigInt(entry.amountMicro), 0n);
        if (statement.nextCursor === undefined) expect(booked).toBe(BigInt(purse.balanceMicro));
        expect(given - BigInt(purse.balanceMicro)).toBe(posted);
      },
      { timeoutMs: 90_000, intervalMs: 500 },
    );
    const ledger = (await cluster.request('GET', '/v1/audit/ledger', cluster.operatorKey)).body as {
      assets: { sumMicro: string }[];
    };
    expect(ledger.assets.every(({ sumMicro }) => sumMicro === '0')).toBe(true);
  }
});
