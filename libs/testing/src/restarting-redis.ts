import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalService } from '#local-services';
import { redisCacheFolder } from './test-services.js';

/** A Redis of a suite's own that it stops and starts again at the same address; it keeps nothing over a stop. */
export class RestartingRedis {
  #server: LocalService | undefined;

  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly password: string | undefined,
  ) {}

  static async open(password?: string): Promise<RestartingRedis> {
    const { freePort } = await import('#local-services');
    const folder = await mkdtemp(join(tmpdir(), 'watershed-redis-'));
    const redis = new RestartingRedis(folder, await freePort(), password);
    await redis.start();
    return redis;
  }

  /** With the administrator's password, where it has one. */
  get url(): string {
    return `redis://${this.password === undefined ? '' : `:${this.password}@`}127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const { startRedis } = await import('#local-services');
    this.#server = await startRedis({
      folder: this.folder,
      cacheFolder: redisCacheFolder(),
      port: this.port,
      ...(this.password === undefined ? {} : { password: this.password }),
      logFile: join(this.folder, 'redis.log'),
      persist: false,
    });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
