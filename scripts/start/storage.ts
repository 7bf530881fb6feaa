import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type LocalService, startPostgres, startRedis } from '#local-services';
import type { DataFolder } from './data-folder.js';
import { portOf } from './ports.js';
import type { Screen } from './screen.js';
import { StartError } from './start.errors.js';

/** Postgres and Redis: the operator's where they are named, else our own, started again should one end unasked. */
export interface Storage {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
}

interface StorageOptions {
  readonly data: DataFolder;
  readonly root: string;
  readonly basePort: number;
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly screen: Screen;
}

async function answers(url: string, variable: string, defaultPort: number): Promise<void> {
  let target: URL;
  try {
    target = new URL(url);
  } catch {
    throw new StartError('usage', `${variable} is not a URL.`);
  }
  const host = target.hostname;
  const port = Number(target.port || defaultPort);
  const open = await new Promise<boolean>((resolve) => {
    const socket = createConnection({ host, port, timeout: 5_000 });
    const end = (ok: boolean) => {
      socket.destroy();
      resolve(ok);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
  if (!open) throw new StartError('service_failed', `${variable} names ${host}:${port}, where nothing answers.`);
}

/** Keeps one local service running until it is stopped. */
class KeptService {
  private current: LocalService | undefined;
  private stopping = false;

  constructor(
    private readonly name: string,
    private readonly begin: () => Promise<LocalService>,
    private readonly screen: Screen,
  ) {}

  async start(): Promise<string> {
    const service = await this.begin();
    this.current = service;
    void service.process.exited.then(() => this.restart());
    return service.url;
  }

  private async restart(pauseMs = 250): Promise<void> {
    if (this.stopping) return;
    this.screen.problem(`${this.name} ended unasked; starting it again`);
    try {
      await this.start();
    } catch (error) {
      this.screen.problem(error instanceof Error ? error.message : String(error));
      setTimeout(() => void this.restart(Math.min(10_000, pauseMs * 2)), pauseMs);
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.current?.stop();
  }
}

export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { data, root, basePort, screen } = options;
  const secrets = data.secrets();
  const onProgress = (line: string) => screen.progress(line);
  const postgres = new KeptService(
    'Postgres',
    () =>
      startPostgres({
        folder: data.file('postgres'),
        port: portOf('postgres', basePort),
        password: secrets.postgresPassword,
        logFile: data.file('logs', 'postgres.log'),
        onProgress,
      }),
    screen,
  );
  const redis = new KeptService(
    'Redis',
    () =>
      startRedis({
        folder: data.file('redis'),
        port: portOf('redis', basePort),
        password: secrets.redisPassword,
        logFile: data.file('logs', 'redis.log'),
        cacheFolder: join(root, '.watershed', 'cache'),
        onProgress,
      }),
    screen,
  );
  const stop = async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
  };
  const started = await Promise.allSettled([
    options.databaseUrl
      ? answers(options.databaseUrl, 'DATABASE_URL', 5432).then(() => options.databaseUrl ?? '')
      : postgres.start(),
    options.redisUrl ? answers(options.redisUrl, 'REDIS_URL', 6379).then(() => options.redisUrl ?? '') : redis.start(),
  ]);
  const failed = started.find((outcome) => outcome.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const [databaseUrl = '', redisUrl = ''] = started.map((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value : '',
  );
  return { databaseUrl, redisUrl, stop };
}
