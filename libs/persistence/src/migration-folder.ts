import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrationError } from './migration.errors.js';

export interface Migration {
  /** `20261121110000_toll_init`: the folder's name; migrations are applied in the order of their names. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, hex: what Prisma keeps in `_prisma_migrations`. */
  readonly checksum: string;
}

const folderName = /^\d{14}_[a-z0-9_]+$/;
// A migration runs as one transaction together with the mark that it ran; one that ends the transaction itself could be
// left half applied by a crash.
const transactionControl = /^\s*(BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION|END)\s*;/im;
const outsideTransaction = /\b(CONCURRENTLY|VACUUM|CREATE\s+DATABASE|ALTER\s+SYSTEM)\b/i;

/** The migrations under `folder` in the order in which they are applied. */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  // Git keeps no empty folders, but leaves them lying about after a branch was changed.
  const isEmpty = await Promise.all(folders.map(async (name) => (await readdir(join(folder, name))).length === 0));
  const names = folders.filter((_, index) => !isEmpty[index]);
  return Promise.all(
    names.sort().map(async (name) => {
      if (!folderName.test(name)) {
        throw new MigrationError('migration_invalid', `The migration "${name}" is not named <14 digits>_<name>.`, [
          name,
        ]);
      }
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8').catch((cause: unknown) => {
        throw new MigrationError('migration_invalid', `The migration "${name}" has no migration.sql.`, [name], cause);
      });
      const code = sql.replace(/--.*$/gm, '').replace(/\$(\w*)\$[\s\S]*?\$\1\$/g, '');
      if (transactionControl.test(code) || outsideTransaction.test(code)) {
        throw new MigrationError(
          'migration_invalid',
          `The migration "${name}" ends its transaction or cannot run in one; a crash could leave it half applied.`,
          [name],
        );
      }
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** One hash over all migrations, by which a template database is found again. */
export function migrationsHash(migrations: readonly Migration[]): string {
  const hash = createHash('sha256');
  for (const { name, checksum } of migrations) hash.update(`${name}:${checksum}\n`);
  return hash.digest('hex');
}
