import { RedisUsers } from '#access';
import { redisPlace } from '#config';
import { type DatabaseApp, type ServiceName, serviceApps, serviceNames } from '#contracts';
import { isWatershedError } from '#errors';
import { appDatabaseUrl, derivedPasswords, migrate, migrationsFolder, openDatabase } from '#persistence';
import { ensureClusterIdentity, keyFileOf, loadSigil, secretKeyFileOf } from '#sigil';
import { openGatewayKek, proveGatewayKek } from '../../apps/gateway/src/once/gateway-kek.js';
import { openPodKek, provePodKek } from '../../apps/pod-host/src/pods/pod-kek.js';
import { instanceOf, oneOfEach, type Seed, seedAccess, seedNodes } from './seed-access.js';

/**
 * What must be there before a service starts: the cluster's identity, its migrated database. Runs in a process of its
 * own that ends afterwards, so that the one which stays carries neither. Settings come as JSON on standard input, the
 * outcome goes as one line of JSON to standard output.
 */
export interface InitialiseRequest {
  readonly dataFolder: string;
  readonly adminUrl: string;
  readonly databaseSecret: string;
  /** The Redis login that may manage users; absent: Redis is left as it is, and the nodes share one login. */
  readonly redisUrl?: string;
  /** The nodes that are started without a ticket; one of each service when absent. */
  readonly seeds?: readonly Seed[];
  /** Services of this cluster may be running and hold the keys that wrap people's: those are proved and not rotated here. */
  readonly besideServices?: boolean;
}

export type DatabaseUrls = Readonly<Partial<Record<ServiceName, string>>>;

export type InitialiseOutcome =
  | {
      readonly ok: true;
      readonly clusterId: string;
      /** The URL of each service that owns tables, with the login of its instance. */
      readonly databaseUrls: DatabaseUrls;
      readonly applied: readonly string[];
      /** Each seed's Redis URL by its name, with the login of its own node; none where the nodes share one. */
      readonly redisUrls: Readonly<Record<string, string>>;
      /** Why the nodes share one Redis login; absent where each has its own. */
      readonly sharedRedis?: string;
    }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** After a crash Postgres listens while it still replays its log, and refuses logins until it is done. */
async function migrateWhenReachable<T>(attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isWatershedError(error, 'database_unavailable') || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function managerOf(url: string | undefined, clusterId: string) {
  if (url === undefined) return undefined;
  const users = await RedisUsers.connect(url, clusterId).catch((error: unknown) => {
    const { host, port, path } = redisPlace(url);
    throw new Error(`Redis at ${path ?? `${host}:${port}`}: ${error instanceof Error ? error.message : String(error)}`);
  });
  return { url, users, management: await users.management() };
}

async function initialise(request: InitialiseRequest): Promise<InitialiseOutcome> {
  const { dataFolder, adminUrl, redisUrl } = request;
  const secret = Buffer.from(request.databaseSecret, 'base64url');
  const passwordFor = derivedPasswords(secret);
  const [{ clusterId }, seeds] = await Promise.all([
    ensureClusterIdentity({ dataDir: dataFolder }),
    seedNodes(dataFolder, request.seeds ?? oneOfEach),
  ]);
  const [{ applied, rolePrefix }, operator] = await Promise.all([
    migrateWhenReachable(() =>
      migrate({ adminUrl, migrationsDir: migrationsFolder(), passwordFor, instanceOf: instanceOf(seeds) }),
    ),
    loadSigil(keyFileOf(dataFolder, 'operator'), 'operator'),
  ]);
  // Not at once with the migrations: their engine takes the thread for seconds where a processor is slow, and a connection
  // that nobody looks after that long is given up.
  const redis = await managerOf(redisUrl, clusterId);
  const operatorId = operator.thumbprint;
  const redisUrls = redis ? await seedAccess({ operatorId, seeds, secret, rolePrefix, adminUrl, redis }) : {};
  redis?.users.close();
  const login = { rolePrefix, passwordFor, instanceOf: instanceOf(seeds) };
  const urlOf = (app: DatabaseApp) => appDatabaseUrl(adminUrl, app, login);
  await proveKeys(request, urlOf);
  return {
    ok: true,
    clusterId,
    databaseUrls: Object.fromEntries(
      serviceNames.flatMap((service) => {
        const app = serviceApps[service];
        return app ? [[service, urlOf(app)]] : [];
      }),
    ),
    applied,
    redisUrls,
    ...(redis && !redis.management.managed ? { sharedRedis: redis.management.reason } : {}),
  };
}

/** A key that is missing or wrong ends the start here, in one line, instead of a service over and over in its log. */
async function proveKeys(
  { dataFolder, besideServices = false }: InitialiseRequest,
  urlOf: (app: DatabaseApp) => string,
): Promise<void> {
  const { GATEWAY_KEK_FILE, POD_HOST_KEK_FILE } = process.env;
  const proofs = [
    {
      app: 'gateway',
      open: besideServices ? proveGatewayKek : openGatewayKek,
      file: GATEWAY_KEK_FILE ?? secretKeyFileOf(dataFolder, 'kek'),
    },
    {
      app: 'pod-host',
      open: besideServices ? provePodKek : openPodKek,
      file: POD_HOST_KEK_FILE ?? secretKeyFileOf(dataFolder, 'pod-kek'),
    },
  ] as const;
  for (const { app, open, file } of proofs) {
    const database = await openDatabase({ url: urlOf(app), applicationName: 'watershed-start', poolSize: 2 });
    await open(database, file).finally(() => database.close());
  }
}

let input = '';
process.stdin.setEncoding('utf8');
for await (const chunk of process.stdin) input += chunk;
let outcome: InitialiseOutcome;
try {
  outcome = await initialise(JSON.parse(input) as InitialiseRequest);
} catch (error) {
  const code = (error as { code?: unknown }).code;
  outcome = {
    ok: false,
    code: typeof code === 'string' ? code : 'internal',
    message: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
  };
}
// The migration engine's adapter keeps an idle connection for ten seconds; nobody waits for that.
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
