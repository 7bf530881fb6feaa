import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { databaseApps } from '#contracts';
import { testPostgresUrl } from '#testing';
import { schemaOf } from './app-role.js';
import { appSchemaDiff } from './app-schema-diff.js';
import { migrationsFolder } from './migrate.js';
import { readMigrations } from './migration-folder.js';
import { outboxTables } from './outbox-tables.js';

const schemas = join(migrationsFolder(), '..', 'schema');

// Whoever changes a schema file and forgets the migration, or the other way round, is told the SQL that is missing.
test.each(databaseApps.filter((app) => existsSync(join(schemas, `${app}.prisma`))))(
  'what the migrations of %s make is what its schema file says',
  async (app) => {
    expect(await appSchemaDiff(await testPostgresUrl(), app)).toBe('');
  },
  60_000,
);

const words = (sql: string) => sql.replace(/--.*$/gm, '').replace(/\s+/g, ' ').trim();

test.each(databaseApps)('the outbox of %s, where there is one, is the one this library works with', async (app) => {
  const migrations = await readMigrations(migrationsFolder());
  const made = migrations.filter(({ sql }) => sql.includes(`"${schemaOf(app)}"."outbox_stream"`));
  for (const { sql } of made) expect(words(sql)).toContain(words(outboxTables(app)));
});
