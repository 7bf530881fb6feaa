import { type ChildProcess, spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { currentTraceparent, runWithTraceparent } from '#telemetry';
import { eventually, type TestRedis, testRedis } from '#testing';
import {
  defineJob,
  handleJob,
  type JobFailure,
  JobProducer,
  JobWorker,
  type JobWorkerOptions,
  queuePrefix,
} from './index.js';

const settle = defineJob({
  name: 'settle',
  queue: 'ledger',
  schema: z.object({ transferId: z.string(), note: z.string().default('none') }),
  attempts: 3,
  backoff: { delayMs: 20, jitter: 0, maxDelayMs: 40 },
  timeoutMs: 300,
});

let redis: TestRedis;
let producer: JobProducer;
let failures: JobFailure[];
const workers: JobWorker[] = [];
const children: ChildProcess[] = [];

async function worker(
  run: Parameters<typeof handleJob<typeof settle>>[1],
  more: Partial<JobWorkerOptions> = {},
): Promise<JobWorker> {
  const made = new JobWorker({
    redisUrl: redis.url,
    clusterId: redis.clusterId,
    app: 'toll',
    queue: 'ledger',
    handlers: [handleJob(settle, run)],
    onFailure: (failure) => failures.push(failure),
    ...more,
  });
  workers.push(made);
  await made.start();
  return made;
}

beforeEach(async () => {
  redis = await testRedis();
  failures = [];
  producer = new JobProducer({ redisUrl: redis.url, clusterId: redis.clusterId, app: 'toll' });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(workers.splice(0).map((one) => one.close({ timeoutMs: 100 })));
  await producer.close();
  await redis.close();
});

test('a job reaches its handler, parsed, in the trace of its producer', async () => {
  const seen: unknown[] = [];
  await worker(async (data, { jobId, attempt }) => {
    seen.push({ ...data, jobId, attempt, traceId: currentTraceparent()?.split('-')[1] });
  });
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await runWithTraceparent(traceparent, () => producer.add(settle, { transferId: 't1' }, { jobId: 'j1' }));
  await eventually(() => seen.length === 1);
  expect(seen).toEqual([
    { transferId: 't1', note: 'none', jobId: 'j1', attempt: 1, traceId: '0af7651916cd43dd8448eb211c80319c' },
  ]);
  expect(
    (await redis.keys()).every((key) => key.startsWith(queuePrefix({ clusterId: redis.clusterId, app: 'toll' }))),
  ).toBe(true);
});

test('the same job id is one job, before, while and after it runs', async () => {
  let runs = 0;
  const add = () => producer.add(settle, { transferId: 't1' }, { jobId: 'once' });
  await Promise.all([add(), add(), add()]);
  await worker(async () => {
    runs += 1;
    await add();
  });
  await eventually(() => runs === 1);
  await add();
  await producer.add(settle, { transferId: 't2' }, { jobId: 'another' });
  await eventually(() => runs === 2);
  expect(failures).toEqual([]);
});

test('a failing job is tried as often as its catalogue says, and leaves only a code in Redis', async () => {
  const attempts: number[] = [];
  await worker(async (_, { attempt }) => {
    attempts.push(attempt);
    throw new Error('the secret text of a person');
  });
  await producer.add(settle, { transferId: 't1' }, { jobId: 'j1' });
  await eventually(() => failures.some(({ final }) => final));
  expect(attempts).toEqual([1, 2, 3]);
  expect(failures.at(-1)).toEqual({ job: 'settle', jobId: 'j1', attempt: 3, code: 'internal', final: true });
  const client = new Redis(redis.url);
  const stored = JSON.stringify(
    await client.hgetall(`${queuePrefix({ clusterId: redis.clusterId, app: 'toll' })}:ledger:j1`),
  );
  client.disconnect();
  expect(stored).toContain('internal');
  expect(stored).not.toContain('secret');
});

test('a run past its timeout is aborted and counts as failed', async () => {
  const aborted: unknown[] = [];
  await worker(async (_, { signal, attempt }) => {
    if (attempt > 1) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        aborted.push(signal.reason);
        resolve();
      });
    });
  });
  await producer.add(settle, { transferId: 't1' }, { jobId: 'j1' });
  await eventually(() => failures.length === 1);
  expect(failures[0]).toMatchObject({ code: 'deadline_exceeded', final: false });
  expect(aborted).toHaveLength(1);
});

test('what is not as the schema says is refused at both ends', async () => {
  await expect(producer.add(settle, JSON.parse('{"transferId":5}'), { jobId: 'j1' })).rejects.toMatchObject({
    code: 'invalid_request',
  });
  const old = defineJob({ ...settle, schema: z.object({ id: z.number() }) });
  let runs = 0;
  await worker(async () => {
    runs += 1;
  });
  await producer.add(old, { id: 5 }, { jobId: 'j2' });
  await eventually(() => failures.length === 1);
  expect(failures[0]).toMatchObject({ jobId: 'j2', code: 'invalid_request', final: true });
  expect(runs).toBe(0);
});

test('content is refused: a job carries ids', async () => {
  const add = producer.add(settle, { transferId: 't', note: 'x'.repeat(3_000) }, { jobId: 'j1' });
  await expect(add).rejects.toMatchObject({ code: 'body_too_large' });
  await expect(producer.add(settle, { transferId: 't' }, { jobId: 'a:b' })).rejects.toMatchObject({
    code: 'invalid_request',
  });
});

/** A worker in a process of its own that takes a job and never finishes it. */
async function doomedWorker(): Promise<ChildProcess> {
  const code = `
    import { Worker } from 'bullmq';
    const connection = { url: process.env.QUEUE_REDIS_URL, maxRetriesPerRequest: null };
    new Worker('ledger', () => { console.log('taken'); return new Promise(() => undefined); },
      { connection, prefix: process.env.QUEUE_PREFIX, lockDuration: 400, stalledInterval: 400 });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: {
      PATH: process.env.PATH,
      QUEUE_REDIS_URL: redis.url,
      QUEUE_PREFIX: queuePrefix({ clusterId: redis.clusterId, app: 'toll' }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

test('a worker killed in the middle of a job: it is run once more, by another', async () => {
  const child = await doomedWorker();
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += String(chunk);
  });
  await producer.add(settle, { transferId: 't1' }, { jobId: 'j1' });
  await eventually(() => said.includes('taken'), { timeoutMs: 10_000 });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  const runs: string[] = [];
  await worker(
    async ({ transferId }) => {
      runs.push(transferId);
    },
    { lockMs: 400 },
  );
  await eventually(() => runs.length === 1, { timeoutMs: 10_000 });
  await producer.add(settle, { transferId: 'marker' }, { jobId: 'j2' });
  await eventually(() => runs.includes('marker'));
  expect(runs).toEqual(['t1', 'marker']);
  expect(failures).toEqual([]);
}, 30_000);

test('close lets a run in hand end and takes nothing new', async () => {
  const started: string[] = [];
  const ended: string[] = [];
  let go: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const one = await worker(
    async ({ transferId }) => {
      started.push(transferId);
      await waiting;
      ended.push(transferId);
    },
    { concurrency: 1 },
  );
  await producer.add(settle, { transferId: 'first' }, { jobId: 'j1' });
  await producer.add(settle, { transferId: 'second' }, { jobId: 'j2' });
  await eventually(() => started.length === 1);
  const closed = one.close();
  go();
  await closed;
  expect([started, ended]).toEqual([['first'], ['first']]);
});
