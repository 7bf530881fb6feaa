import { join } from 'node:path';
import { type LocalService, startPostgres, startRedis } from '#local-services';
import type { DataFolder } from './data-folder.js';
import { portOf } from './ports.js';
import { RestartPause } from './restart-pause.js';
import type { Screen } from './screen.js';

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
  /** The operator's; whether they answer is known. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly screen: Screen;
}

/** Keeps one local service running until it is stopped. */
export class KeptService {
  private current: Pick<LocalService, 'process' | 'stop'> | undefined;
  private beginning: Promise<string> | undefined;
  private stopping = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly name: string,
    private readonly begin: () => Promise<Pick<LocalService, 'url' | 'process' | 'stop'>>,
    private readonly screen: Pick<Screen, 'problem'>,
    private readonly pause: Pick<RestartPause, 'nextMs'> = new RestartPause(),
  ) {}

  start(): Promise<string> {
    this.beginning = this.beginOnce();
    return this.beginning;
  }

  private async beginOnce(): Promise<string> {
    const service = await this.begin();
    this.current = service;
    const since = performance.now();
    void service.process.exited.then(() => {
      this.restart(`${this.name} ended unasked`, performance.now() - since);
    });
    return service.url;
  }

  private restart(reason: string, upMs = 0): void {
    if (this.stopping) return;
    const pauseMs = this.pause.nextMs(upMs);
    this.screen.problem(`${reason}; starting it again in ${pauseMs} ms`);
    this.timer = setTimeout(() => {
      this.start().catch((error: unknown) => this.restart(error instanceof Error ? error.message : String(error)));
    }, pauseMs);
  }

  /** A service that is just being started again is stopped as well. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.beginning?.catch(() => undefined); // whoever started it was told, or `restart` was
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
    options.databaseUrl ?? postgres.start(),
    options.redisUrl ?? redis.start(),
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
