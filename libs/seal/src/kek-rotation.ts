import { rename } from 'node:fs/promises';
import type pg from 'pg';
import type { DatabaseApp } from '#contracts';
import { type Database, schemaOf } from '#persistence';
import { createSecretKey, KeyFileError, readSecretKey, type SecretPurpose } from '#sigil';
import { kekCheckValue, openKek } from './kek.js';
import { databaseKekLedger, type SealedSample } from './kek-ledger.js';
import { openBytes, sealBytes } from './seal.js';

/** Where keys lie that the KEK wraps: names of the table, its key column and the wrapped one are ours, never from outside. */
export interface WrappedKeys {
  readonly table: string;
  readonly id: string;
  readonly idType: 'uuid' | 'text';
  readonly wrapped: string;
  readonly context: (id: string) => string;
}

export interface RotatedKekOptions {
  readonly database: Pick<Database, 'sqlTransaction'>;
  readonly app: DatabaseApp;
  readonly file: string;
  readonly purpose: SecretPurpose;
  readonly sample: (
    firstRow: (sql: string) => Promise<Record<string, unknown> | undefined>,
  ) => Promise<SealedSample | undefined>;
  readonly keys: readonly WrappedKeys[];
  /**
   * Called with the KEK in force before a rotation begins: what is only derived from it must be kept by then. What is kept
   * already may be wrapped by the next one, where a rotation broke off: it must not be opened here.
   */
  readonly prepare?: (kek: Uint8Array) => Promise<void>;
  /** Rows a transaction. */
  readonly batchSize?: number;
  /** Called after each step that is durable by then; tests kill there. */
  readonly reached?: (step: 'rewrapped' | 'checked') => Promise<void>;
}

/** Where the next KEK of this file waits until every key is wrapped by it. */
export const nextKekFile = (file: string): string => `${file}.next`;

/**
 * Makes the next KEK beside the one of `file`; whoever opens that next rotates to it. False where one waits already. Throws
 * KeyFileError where there is none to rotate from (`key_file_missing`), or one that must not be used.
 */
export async function beginKekRotation(file: string, purpose: SecretPurpose): Promise<boolean> {
  if (!(await readSecretKey(file, purpose))) {
    throw new KeyFileError('missing', `There is no key file ${file}, so there is nothing to rotate.`);
  }
  if (await readSecretKey(nextKekFile(file), purpose)) return false;
  await createSecretKey(nextKekFile(file), purpose);
  return true;
}

/**
 * The KEK of this file, as `openKek`; where a next one waits beside it, every key is wrapped by that first, and it then
 * takes the file's name. A crash at any instant leaves both files, and keys that one of the two opens; whoever comes next
 * goes on. Order: keys, a batch a commit; what is left of them and the check value in one commit, from which on the old
 * KEK is refused; the file. Of many that start at once one rotates and the others wait.
 *
 * Whoever still holds the old KEK in memory afterwards opens nothing and, by `kekInForce`, keeps no new key.
 */
export async function openRotatedKek(options: RotatedKekOptions): Promise<Uint8Array> {
  const { database, app, file, purpose, sample } = options;
  const ledger = databaseKekLedger(database, app, purpose, sample);
  return database.sqlTransaction(async (lock) => {
    await lock.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [checkTable(app)]);
    const next = await readSecretKey(nextKekFile(file), purpose);
    if (next && (await isInForce(lock, app, purpose, next))) {
      // Everything is done but the name.
      await rename(nextKekFile(file), file);
      return openKek({ file, purpose, ledger });
    }
    const kek = await openKek({ file, purpose, ledger });
    if (!next) return kek;
    await options.prepare?.(kek);
    await rewrapAll(options, lock, { from: kek, to: next });
    await options.reached?.('checked');
    await rename(nextKekFile(file), file);
    return next;
  });
}

/**
 * Proves the KEK of this file, or one that takes its place, and rotates nothing: for whoever looks while those who hold the
 * KEK in memory may be running. Throws as `openKek`.
 */
export async function proveKek({ database, app, file, purpose, sample }: RotatedKekOptions): Promise<void> {
  await database.sqlTransaction(async (lock) => {
    // Of a rotation that goes on now it sees the beginning or the end.
    await lock.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [checkTable(app)]);
    const next = await readSecretKey(nextKekFile(file), purpose);
    // One that broke off before the file had its name: whoever opens it next ends that.
    if (next && (await isInForce(lock, app, purpose, next))) return;
    await openKek({ file, purpose, ledger: databaseKekLedger(database, app, purpose, sample) });
  });
}

/**
 * The condition, as SQL, that a statement which keeps a newly wrapped key must put itself under: the KEK whose check value
 * is the parameter `$n` is in force, and stays so until the statement has committed. Without it a service that was not
 * stopped before a rotation would keep keys that only the old KEK opens.
 */
export const kekInForce = (app: DatabaseApp, purpose: SecretPurpose, parameter: string): string =>
  `EXISTS (SELECT FROM (SELECT FROM ${checkTable(app)} WHERE purpose = '${purpose}' AND check_value = ${parameter} FOR SHARE) AS k)`;

const checkTable = (app: DatabaseApp): string => `"${schemaOf(app)}".kek_check`;

async function isInForce(client: pg.ClientBase, app: DatabaseApp, purpose: SecretPurpose, key: Uint8Array) {
  const { rowCount } = await client.query(`SELECT FROM ${checkTable(app)} WHERE purpose = $1 AND check_value = $2`, [
    purpose,
    kekCheckValue(key, purpose),
  ]);
  return rowCount === 1;
}

interface Change {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

async function rewrapAll(options: RotatedKekOptions, lock: pg.ClientBase, change: Change): Promise<void> {
  const { database, app, purpose, keys } = options;
  const { from, to } = change;
  // The database ends a transaction that says nothing for long, and this one holds the lock.
  const stay = () => lock.query('SELECT 1');
  for (const place of keys) {
    for (let after: string | undefined; ; ) {
      const last = await database.sqlTransaction((client) => rewrapBatch(client, options, place, { ...change, after }));
      await stay();
      await options.reached?.('rewrapped');
      if (last === undefined) break;
      after = last;
    }
  }
  await database.sqlTransaction(async (client) => {
    const { rowCount } = await client.query(
      `UPDATE ${checkTable(app)} SET check_value = $3 WHERE purpose = $1 AND check_value = $2`,
      [purpose, kekCheckValue(from, purpose), kekCheckValue(to, purpose)],
    );
    if (rowCount !== 1) {
      throw new KeyFileError(
        'mismatch',
        `${options.file} is no longer the key that the database's keys are wrapped by.`,
      );
    }
    // Once more over all of them, for what came in between. Who wraps a key holds the check value's row (`kekInForce`), so
    // that nothing is wrapped by the old one any more once this has it.
    for (const place of keys) {
      for (let after: string | undefined; ; ) {
        after = await rewrapBatch(client, options, place, { ...change, after });
        await stay();
        if (after === undefined) break;
      }
    }
  });
}

/** Answers the id after which the next batch begins; undefined when this was the last. */
async function rewrapBatch(
  client: pg.ClientBase,
  { batchSize = 500 }: RotatedKekOptions,
  { table, id, idType, wrapped, context }: WrappedKeys,
  { from, to, after }: Change & { readonly after: string | undefined },
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string; wrapped: Buffer }>(
    `SELECT ${id}::text AS id, ${wrapped} AS wrapped FROM ${table}
     WHERE ${wrapped} IS NOT NULL AND ($1::${idType} IS NULL OR ${id} > $1::${idType}) ORDER BY ${id} LIMIT $2`,
    [after ?? null, batchSize],
  );
  for (const row of rows) {
    if (opened(to, row.wrapped, context(row.id))) continue;
    const plain = opened(from, row.wrapped, context(row.id));
    // Neither opens it: it was lost before, and stays as it is.
    if (!plain) continue;
    await client.query(`UPDATE ${table} SET ${wrapped} = $2 WHERE ${id} = $1::${idType} AND ${wrapped} = $3`, [
      row.id,
      sealBytes(to, plain, context(row.id)),
      row.wrapped,
    ]);
  }
  return rows.length < batchSize ? undefined : rows.at(-1)?.id;
}

function opened(key: Uint8Array, sealed: Uint8Array, context: string): Buffer | undefined {
  try {
    return openBytes(key, sealed, context);
  } catch {
    return undefined; // wrapped by another key, which is the question
  }
}
