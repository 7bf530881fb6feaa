import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { freePort, startPostgres, startRedis } from '#local-services';

/** One line of the result. */
export interface Figure {
  readonly figure: string;
  readonly ours: number | null;
  /** Null where the peer is not installed, or where there is none. */
  readonly peer: number | null;
  readonly peerName: string | null;
  /** ours / peer. */
  readonly ratio: number | null;
  readonly better: 'higher' | 'lower';
  readonly unit: string;
  readonly notes: string;
  /** The figure means something only if what was written would survive a power cut. */
  readonly durable?: boolean;
}

/** On what the figures were taken. */
export interface Host {
  readonly cores: number;
  readonly memory: string;
  readonly node: string;
  readonly postgres: string;
  readonly redis: string;
  readonly fsync: string;
  readonly synchronous_commit: string;
  /** That of Postgres's data. */
  readonly filesystem: string;
}

export interface BenchOptions {
  /** Shorter rounds, for trying out: every figure is marked. */
  readonly quick: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  /** Administrator's login; every bench makes a database of its own and drops it. */
  readonly postgresUrl: string;
  readonly redisUrl: string;
  /** To people, on standard error. */
  progress(line: string): void;
}

/** What every `bench/<name>/bench.ts` exports. */
export interface Bench {
  run(options: BenchOptions): Promise<Figure[]>;
}

export const fullRounds = { rounds: 5, roundMs: 10_000 } as const;
export const quickRounds = { rounds: 3, roundMs: 1_500 } as const;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) throw new Error('a median needs values');
  return sorted.length % 2 === 0 && low !== undefined ? (low + high) / 2 : high;
}

/** The smallest value that `q` of the samples do not exceed; a p99 of fewer than 500 samples is refused. */
export function quantile(samples: readonly number[], q: number): number {
  if (q >= 0.99 && samples.length < 500) throw new Error(`a p${q * 100} needs 500 samples, not ${samples.length}`);
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
  if (value === undefined) throw new Error('a quantile needs samples');
  return value;
}

export interface Alternation {
  readonly ours: number;
  readonly peer: number;
  readonly oursRounds: readonly number[];
  readonly peerRounds: readonly number[];
}

/** Ours and the peer in turn, who goes first changing every round, so that a machine that tires tires both. */
export async function alternate(
  options: Pick<BenchOptions, 'rounds' | 'progress'>,
  name: string,
  ours: () => Promise<number>,
  peer: () => Promise<number>,
): Promise<Alternation> {
  const oursRounds: number[] = [];
  const peerRounds: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const turns = [async () => oursRounds.push(await ours()), async () => peerRounds.push(await peer())];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
    const last = [oursRounds.at(-1), peerRounds.at(-1)].map((value) => value?.toFixed(1));
    options.progress(`${name}: round ${round + 1} of ${options.rounds}: ours ${last[0]}, peer ${last[1]}`);
  }
  return { ours: median(oursRounds), peer: median(peerRounds), oursRounds, peerRounds };
}

export interface NewFigure {
  readonly figure: string;
  readonly ours: number | null;
  readonly peer?: number | null;
  readonly peerName?: string | null;
  readonly better: 'higher' | 'lower';
  readonly unit: string;
  readonly notes: string;
  readonly durable?: boolean;
}

/** Rounds to four digits, works the ratio out, and marks what was measured in a hurry. */
export function figureOf(options: Pick<BenchOptions, 'quick'>, made: NewFigure): Figure {
  const { ours, peer = null, peerName = null } = made;
  const ratio = ours === null || peer === null || peer === 0 ? null : ours / peer;
  const round = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(4)));
  return {
    ...made,
    ours: round(ours),
    peer: round(peer),
    peerName,
    ratio: round(ratio),
    notes: options.quick ? `quick: short rounds, not a result; ${made.notes}` : made.notes,
  };
}

/** A durable figure is no figure where writes are not durable. */
export function withheld(figure: Figure, host: Host): Figure {
  const reasons = [
    ...(host.fsync === 'on' ? [] : [`fsync is ${host.fsync}`]),
    ...(host.synchronous_commit === 'off' ? ['synchronous_commit is off'] : []),
    ...(/tmpfs|ramfs/.test(host.filesystem) ? [`the data lie on ${host.filesystem}`] : []),
  ];
  if (!figure.durable || reasons.length === 0) return figure;
  return { ...figure, ours: null, peer: null, ratio: null, notes: `refused: ${reasons.join(', ')}` };
}

/** The file system that holds `path`, by the longest mount point above it; `unknown` where that cannot be told. */
export function filesystemOf(path: string, mounts = readMounts()): string {
  const full = resolve(path);
  let best: { point: string; type: string } | undefined;
  for (const line of mounts.split('\n')) {
    const [, point, type] = line.split(' ');
    if (!point || !type) continue;
    const holds = point === '/' || full === point || full.startsWith(`${point}/`);
    if (holds && (!best || point.length >= best.point.length)) best = { point, type };
  }
  return best?.type ?? 'unknown';
}

function readMounts(): string {
  try {
    return readFileSync('/proc/mounts', 'utf8');
  } catch {
    return ''; // not Linux
  }
}

export async function describeHost(postgresUrl: string, redisUrl: string): Promise<Host> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  const show = async (name: string): Promise<string> => {
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
    return rows[0]?.value ?? 'unknown';
  };
  const redis = new Redis(redisUrl);
  try {
    const info = await redis.info('server');
    return {
      cores: cpus().length,
      memory: `${Math.round(totalmem() / 2 ** 20)} MB`,
      node: process.versions.node,
      postgres: await show('server_version'),
      redis: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
      fsync: await show('fsync'),
      synchronous_commit: await show('synchronous_commit'),
      filesystem: filesystemOf(await show('data_directory')),
    };
  } finally {
    await client.end();
    await redis.quit();
  }
}

export interface BenchServices {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
}

/** The servers that DATABASE_URL and REDIS_URL name, else ones of the bench's own under `.watershed/bench`. */
export async function benchServices(root: string, env: NodeJS.ProcessEnv): Promise<BenchServices> {
  const folder = join(root, '.watershed', 'bench');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stops: (() => Promise<void>)[] = [];
  const own = async (service: Promise<{ url: string; stop(): Promise<void> }>): Promise<string> => {
    const started = await service;
    stops.unshift(() => started.stop());
    return started.url;
  };
  const postgresUrl =
    env.DATABASE_URL ??
    (await own(
      startPostgres({
        folder: join(folder, 'postgres'),
        port: await freePort(),
        password: 'bench',
        logFile: join(folder, 'postgres.log'),
      }),
    ));
  const redisUrl =
    env.REDIS_URL ??
    (await own(
      startRedis({
        folder: join(folder, 'redis'),
        cacheFolder: join(root, '.watershed', 'cache'),
        port: await freePort(),
        logFile: join(folder, 'redis.log'),
        persist: false,
      }),
    ));
  return {
    postgresUrl,
    redisUrl,
    stop: async () => {
      for (const stop of stops) await stop();
    },
  };
}
