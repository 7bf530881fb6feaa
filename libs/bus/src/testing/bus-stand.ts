import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import type { ServiceName } from '#contracts';
import { leakCheck, TestDirectory, type TestRedis, testLogger, testRedis } from '#testing';
import { Bus } from '../bus.js';
import type { BusOptions } from '../bus.types.js';

/** A real Redis, a connection to it that is nobody's, and nodes of one cluster that close when a test is over. */
export class BusStand {
  /** Whom the nodes know; a new one for each test. */
  roll: TestDirectory;
  private open: Bus[] = [];

  private constructor(
    readonly redis: TestRedis,
    readonly raw: Redis,
    private readonly leaks: ReturnType<typeof leakCheck>,
  ) {
    this.roll = new TestDirectory(redis.clusterId);
  }

  static async start(): Promise<BusStand> {
    const leaks = leakCheck();
    const redis = await testRedis();
    return new BusStand(redis, new Redis(redis.url), leaks);
  }

  /** A node on the bus; the others know it where `roll` has it. */
  async connect(nodeId: string, service: ServiceName, options: Partial<BusOptions> = {}): Promise<Bus> {
    const bus = await Bus.connect({
      redisUrl: this.redis.url,
      identity: { clusterId: this.redis.clusterId, nodeId, services: [service] },
      directory: this.roll,
      logger: testLogger(),
      metrics: { registry: new Registry() },
      ...options,
    });
    this.open.push(bus);
    return bus;
  }

  publish(segments: readonly string[], message: object): Promise<number> {
    return this.raw.publish(segments.join(':'), JSON.stringify(message));
  }

  /** Ends a test: its nodes leave, and the next one's know nobody. */
  async clear(): Promise<void> {
    await Promise.all(this.open.splice(0).map((bus) => bus.close()));
    this.roll = new TestDirectory(this.redis.clusterId);
  }

  async close(): Promise<void> {
    await this.raw.quit();
    await this.redis.close();
    await this.leaks.expectNothingLeft();
  }
}
