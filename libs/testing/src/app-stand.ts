import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DatabaseApp, type ServiceName, serviceApps } from '#contracts';
import type { ClusterNode, ClusterNodeOptions } from '#node';
import { type ClusterIdentity, ensureClusterIdentity, loadSigil, type Sigil } from '#sigil';
import { eventually } from './eventually.js';
import { MemoryIndex } from './memory-index.js';
import { type TestDatabase, testDatabase } from './test-database.js';
import { testLogger } from './test-logger.js';
import { type TestRedis, testRedis } from './test-redis.js';

type Env = Readonly<Record<string, string>>;

interface Held {
  close(): Promise<void>;
}

/**
 * What one app needs around it: a Postgres and a Redis of the suite's own, a data folder with a cluster's identity, an
 * index in memory, and nodes beside it that speak as the rest of the cluster does.
 */
export class AppStand {
  readonly index = new MemoryIndex();
  readonly #held: Held[] = [];

  private constructor(
    readonly dataDir: string,
    readonly identity: ClusterIdentity,
    readonly operator: Sigil,
    readonly database: TestDatabase,
    readonly redis: TestRedis,
  ) {}

  static async open(): Promise<AppStand> {
    const dataDir = await mkdtemp(join(tmpdir(), 'watershed-app-'));
    const identity = await ensureClusterIdentity({ dataDir });
    const [operator, database, redis] = await Promise.all([
      loadSigil(identity.keyFile('operator'), 'operator'),
      testDatabase(),
      testRedis(identity.clusterId),
    ]);
    return new AppStand(dataDir, identity, operator, database, redis);
  }

  get clusterId(): string {
    return this.identity.clusterId;
  }

  /** A service's settings, with the login of the app whose tables it owns. */
  env(service: ServiceName, more: Env = {}): Record<string, string> {
    const app: DatabaseApp | undefined = serviceApps[service];
    const prefix = service.toUpperCase().replaceAll('-', '_');
    return {
      WATERSHED_CLUSTER_ID: this.clusterId,
      WATERSHED_CLUSTER_NAME: 'test',
      WATERSHED_REGION: 'EU/FR',
      WATERSHED_DATA_DIR: this.dataDir,
      WATERSHED_REDIS_URL: this.redis.url,
      WATERSHED_LOG_LEVEL: 'silent',
      ...(app ? { [`${prefix}_DATABASE_URL`]: this.database.urlFor(app) } : {}),
      ...more,
    };
  }

  /** A node that answers for these services, not yet joined. Closed with the stand. */
  async prepare(
    services: ClusterNodeOptions['services'],
    { name = services[0], ...more }: Partial<ClusterNodeOptions> & { readonly name?: string } = {},
  ): Promise<ClusterNode> {
    // Loaded only by the suites that stand an app up: it brings Nest with it.
    const [{ ClusterNode }, { createMetrics }] = await Promise.all([import('#node'), import('#telemetry')]);
    const node = ClusterNode.prepare({
      env: { ...this.env(services[0]), WATERSHED_NODE_NAME: name },
      services,
      types: ['core'],
      logger: testLogger(),
      metrics: createMetrics(name),
      ...more,
    });
    return this.hold(node);
  }

  /** The same, joined by the index in memory. */
  async join(...options: Parameters<AppStand['prepare']>): Promise<ClusterNode> {
    const node = await this.prepare(...options);
    await node.join({ index: this.index.port() });
    return node;
  }

  /** What is opened is closed with the stand, the last one first. */
  async hold<Opened extends Held>(opening: Promise<Opened>): Promise<Opened> {
    const opened = await opening;
    this.#held.push(opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const held of this.#held.splice(0).reverse()) await held.close();
    // Postgres notices a closed connection a moment later.
    await eventually(async () => {
      const open = await this.database.connections();
      if (open.length > 0) throw new Error(`still connected to the database: ${open.join(', ')}`);
    });
    const gone = rm(this.dataDir, { recursive: true, force: true });
    await Promise.all([this.database.close(), this.redis.close(), gone]);
  }
}
