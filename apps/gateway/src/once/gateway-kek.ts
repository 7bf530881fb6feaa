import type { Database } from '#persistence';
import { databaseKekLedger, openKek } from '#seal';
import { wrappedKeyContext } from './content-seal.js';

/** The key that wraps people's data keys, in a file of its own, outside the database and its backups. */
export function openGatewayKek(database: Pick<Database, 'sqlTransaction'>, file: string): Promise<Uint8Array> {
  const ledger = databaseKekLedger(database, 'gateway', 'kek', async (firstRow) => {
    const row = await firstRow(
      'SELECT person_id, wrapped_key FROM gateway.person WHERE wrapped_key IS NOT NULL ORDER BY created_at LIMIT 1',
    );
    if (!(row?.wrapped_key instanceof Uint8Array)) return undefined;
    return { sealed: row.wrapped_key, context: wrappedKeyContext(String(row.person_id)) };
  });
  return openKek({ file, purpose: 'kek', ledger });
}
