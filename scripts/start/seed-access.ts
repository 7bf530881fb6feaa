import { join } from 'node:path';
import pg from 'pg';
import { derivedNodePasswords, type Management, RedisUsers, sha256Hex, withLogin } from '#access';
import { type DatabaseApp, type ServiceName, serviceApps, serviceNames } from '#contracts';
import { databaseError, loginOf } from '#persistence';
import { loadOrCreateSigil } from '#sigil';

/** A node that the launcher starts itself: it needs no ticket, for its key lies in the launcher's own folder. */
export interface Seed {
  /** What its key file is called, and its Redis URL is found by. */
  readonly name: string;
  readonly service: ServiceName;
}
export interface SeedNode extends Seed {
  readonly nodeId: string;
}

/** One instance of each service, as they run on one machine. */
export const oneOfEach: readonly Seed[] = serviceNames.map((service) => ({ name: service, service }));

/** Where a node looks for its key, below its data folder. */
export const nodeKeyFileOf = (dataFolder: string, name: string): string => join(dataFolder, 'nodes', `${name}.json`);

/** The keys of these nodes, made where there are none. */
export async function seedNodes(dataFolder: string, seeds: readonly Seed[]): Promise<readonly SeedNode[]> {
  return Promise.all(
    seeds.map(async (seed) => {
      const sigil = await loadOrCreateSigil(nodeKeyFileOf(dataFolder, seed.name), 'node');
      return { ...seed, nodeId: sigil.thumbprint };
    }),
  );
}

export const instanceOf =
  (seeds: readonly SeedNode[]) =>
  (app: DatabaseApp): string =>
    seeds.find(({ service }) => serviceApps[service] === app)?.nodeId ?? app;

export interface SeedAccessOptions {
  readonly operatorId: string;
  readonly seeds: readonly SeedNode[];
  readonly secret: Uint8Array;
  readonly rolePrefix: string;
  readonly adminUrl: string;
  readonly redis: { readonly url: string; readonly users: RedisUsers; readonly management: Management };
}

/**
 * Enters the seeds among those who may log in, and makes the Redis users of all who may: the services then start without
 * waiting for governance, which keeps the users from there on. Answers each seed's Redis URL by its name. Who was expelled stays so.
 */
export async function seedAccess(options: SeedAccessOptions): Promise<Readonly<Record<string, string>>> {
  const { operatorId, seeds, secret, rolePrefix, adminUrl, redis } = options;
  const passwordOf = derivedNodePasswords(secret);
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'watershed-migrate' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const rows = seeds.map(({ service, nodeId }) => {
      const app = serviceApps[service];
      return {
        nodeId,
        service,
        sha256: sha256Hex(passwordOf('redis', nodeId)),
        login: app ? loginOf(rolePrefix, app, nodeId) : null,
      };
    });
    await client.query(
      `INSERT INTO governance.access AS known (node_id, operator_id, services, redis_password_sha256, database_login, state)
       SELECT node_id, $1, ARRAY[service], sha256, login, 'active'
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS seed (node_id, service, sha256, login)
       ON CONFLICT (node_id) DO UPDATE SET services = excluded.services, database_login = excluded.database_login,
         redis_password_sha256 = excluded.redis_password_sha256
       WHERE (known.services, known.database_login, known.redis_password_sha256)
         IS DISTINCT FROM (excluded.services, excluded.database_login, excluded.redis_password_sha256)`,
      [
        operatorId,
        rows.map(({ nodeId }) => nodeId),
        rows.map(({ service }) => service),
        rows.map(({ sha256 }) => sha256),
        rows.map(({ login }) => login),
      ],
    );
    if (!redis.management.managed) return {};
    const { rows: active } = await client.query<{ node_id: string; services: ServiceName[]; sha256: string }>(
      `SELECT node_id, services, redis_password_sha256 AS sha256 FROM governance.access WHERE state = 'active'`,
    );
    await redis.users.rebuild(
      active.map(({ node_id, services, sha256 }) => ({ nodeId: node_id, services, passwordSha256: sha256 })),
    );
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
  return Object.fromEntries(
    seeds.map(({ name, nodeId }) => [name, withLogin(redis.url, nodeId, passwordOf('redis', nodeId))]),
  );
}
