import type { DatabaseApp } from '#contracts';
import { type Database, schemaOf } from '#persistence';
import type { SecretPurpose } from '#sigil';
import type { KekLedger, KekMemory } from './kek.js';

export interface SealedSample {
  readonly sealed: Uint8Array;
  readonly context: string;
}

/** The table `kek_check` of an app's schema. `sample` finds one key that was wrapped before there was a check value. */
export function databaseKekLedger(
  database: Pick<Database, 'sqlTransaction'>,
  app: DatabaseApp,
  purpose: SecretPurpose,
  sample: (
    firstRow: (sql: string) => Promise<Record<string, unknown> | undefined>,
  ) => Promise<SealedSample | undefined>,
): KekLedger {
  const table = `"${schemaOf(app)}".kek_check`;
  return {
    settle: (decide: (memory: KekMemory) => Promise<Uint8Array | undefined>): Promise<void> =>
      database.sqlTransaction(async (client) => {
        await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [table]);
        const { rows } = await client.query<{ check_value: Buffer }>(
          `SELECT check_value FROM ${table} WHERE purpose = $1`,
          [purpose],
        );
        const checkValue = rows[0]?.check_value;
        const found = checkValue ? undefined : await sample((sql) => firstRow(client, sql));
        const made = await decide({ checkValue, sample: found });
        if (made) await client.query(`INSERT INTO ${table} (purpose, check_value) VALUES ($1, $2)`, [purpose, made]);
      }),
  };
}

async function firstRow(client: { query(sql: string): Promise<{ rows: Record<string, unknown>[] }> }, sql: string) {
  return (await client.query(sql)).rows[0];
}
