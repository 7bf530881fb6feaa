import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseApp } from '#contracts';
import { schemaOf } from './app-role.js';
import { migrationsFolder } from './migrate.js';
import { readMigrations } from './migration-folder.js';

/**
 * The SQL that brings what the migrations of one app made to what `prisma/schema/<app>.prisma` says, by the app's schema
 * alone: `''` when they agree, unmodelled tables of the outbox apart. What Prisma cannot express (CHECKs, partial indexes) is not compared.
 */
export async function appSchemaDiff(adminUrl: string, app: DatabaseApp): Promise<string> {
  const migrations = migrationsFolder();
  const folder = join(migrations, '..', 'schema');
  const base = await readFile(join(folder, 'base.prisma'), 'utf8');
  const files = [
    { path: 'base.prisma', content: base.replace(/schemas\s*=\s*\[[^\]]*\]/, `schemas = ["${schemaOf(app)}"]`) },
    { path: `${app}.prisma`, content: await readFile(join(folder, `${app}.prisma`), 'utf8') },
  ];
  const own = (await readMigrations(migrations)).filter(({ name }) => name.slice(15).startsWith(`${schemaOf(app)}_`));
  // The outbox's tables are this library's, written in plain SQL: an app need not model them.
  if (own.length > 0 && !files.some(({ content }) => content.includes('@@map("outbox_stream")'))) {
    const tables = ['stream', 'message', 'cursor'].map((name) => `"${schemaOf(app)}".outbox_${name}`);
    own.push({ name: 'without_outbox', checksum: '', sql: `DROP TABLE IF EXISTS ${tables.join(', ')}` });
  }
  const { schemaDiff } = await import('./schema-engine.js');
  const sql = await schemaDiff(adminUrl, own, files);
  return sql.startsWith('-- This is an empty migration.') ? '' : sql;
}
