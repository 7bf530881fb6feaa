// Prints the SQL that brings what the migrations of one app made to what its schema file says:
// `npm run -s migration -- toll`. Compares on the server that WATERSHED_TEST_POSTGRES_URL or DATABASE_URL names, else on one
// of its own, started for the moment.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DatabaseApp, databaseApps } from '#contracts';
import { freePort, startPostgres } from '#local-services';
import { appSchemaDiff } from '#persistence';

const isApp = (name: string): name is DatabaseApp => databaseApps.some((app) => app === name);

async function printDiff(app: DatabaseApp, serverUrl: string): Promise<void> {
  const sql = await appSchemaDiff(serverUrl, app);
  console.log(sql === '' ? `-- prisma/schema/${app}.prisma and its migrations agree.` : sql);
}

async function onOwnServer(app: DatabaseApp): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-migration-'));
  const server = await startPostgres({
    folder: join(folder, 'data'),
    port: await freePort(),
    password: 'scratch',
    logFile: join(folder, 'postgres.log'),
  });
  try {
    await printDiff(app, server.url);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const wanted = process.argv[2] ?? '';
if (isApp(wanted)) {
  const named = process.env.WATERSHED_TEST_POSTGRES_URL ?? process.env.DATABASE_URL;
  await (named ? printDiff(wanted, named) : onOwnServer(wanted));
} else {
  console.error(`usage: npm run -s migration -- <app>; one of: ${databaseApps.join(', ')}`);
  process.exitCode = 2;
}
