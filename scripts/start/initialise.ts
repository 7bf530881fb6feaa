import { createHmac } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appDatabaseUrl, databaseApps, migrate } from '#persistence';
import { ensureClusterIdentity } from '#sigil';

/**
 * What must be there before a service starts: the cluster's identity, its migrated database. Runs in a process of its
 * own that ends afterwards, so that the one which stays carries neither. Settings come as JSON on standard input, the
 * outcome goes as one line of JSON to standard output.
 */
export interface InitialiseRequest {
  readonly dataFolder: string;
  readonly adminUrl: string;
  readonly databaseSecret: string;
}

export type InitialiseOutcome =
  | {
      readonly ok: true;
      readonly clusterId: string;
      readonly databaseUrls: Readonly<Record<string, string>>;
      readonly applied: readonly string[];
    }
  | { readonly ok: false; readonly code: string; readonly message: string };

async function initialise(request: InitialiseRequest): Promise<InitialiseOutcome> {
  const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
  const passwordOf = (app: string) => createHmac('sha256', request.databaseSecret).update(app).digest('base64url');
  const [identity, { applied, rolePrefix }] = await Promise.all([
    ensureClusterIdentity({ dataDir: request.dataFolder }),
    migrate({
      adminUrl: request.adminUrl,
      migrationsDir: join(root, 'prisma/migrations'),
      passwordOf,
      connectTimeoutMs: 60_000,
    }),
  ]);
  const databaseUrls = Object.fromEntries(
    databaseApps.map((app) => [
      app,
      appDatabaseUrl(request.adminUrl, app, { rolePrefix, password: passwordOf(app) }),
    ]),
  );
  return { ok: true, clusterId: identity.clusterId, databaseUrls, applied };
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
process.stdout.write(`${JSON.stringify(outcome)}\n`);
