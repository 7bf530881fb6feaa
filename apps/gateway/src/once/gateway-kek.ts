import type pg from 'pg';
import type { Database } from '#persistence';
import { openBytes, openRotatedKek, proveKek, type RotatedKekOptions, sealBytes } from '#seal';
import { ContentBlind, firstBlindKey } from './content-blind.js';
import { wrappedKeyContext } from './content-seal.js';

const blindContext = () => 'content-blind';

/**
 * The key that wraps people's data keys, in a file of its own, outside the database and its backups; rotated first where
 * the next one waits.
 */
export function openGatewayKek(
  database: Pick<Database, 'sqlTransaction'>,
  file: string,
  change: Pick<RotatedKekOptions, 'batchSize' | 'reached'> = {},
): Promise<Uint8Array> {
  return openRotatedKek(gatewayKek(database, file, change));
}

/** Proves it and rotates nothing, while gateways may be running. */
export function proveGatewayKek(database: Pick<Database, 'sqlTransaction'>, file: string): Promise<void> {
  return proveKek(gatewayKek(database, file, {}));
}

function gatewayKek(
  database: Pick<Database, 'sqlTransaction'>,
  file: string,
  change: Pick<RotatedKekOptions, 'batchSize' | 'reached'>,
): RotatedKekOptions {
  return {
    ...{ database, app: 'gateway', file, purpose: 'kek', ...change },
    keys: [
      {
        ...{ table: 'gateway.person', id: 'person_id', idType: 'uuid', wrapped: 'wrapped_key' },
        context: wrappedKeyContext,
      },
      {
        ...{ table: 'gateway.kek_check', id: 'purpose', idType: 'text', wrapped: 'wrapped_blind' },
        context: blindContext,
      },
    ],
    prepare: (kek) => database.sqlTransaction((client) => keepFirstBlind(client, kek)),
    sample: async (firstRow) => {
      const row = await firstRow(
        'SELECT person_id, wrapped_key FROM gateway.person WHERE wrapped_key IS NOT NULL ORDER BY created_at LIMIT 1',
      );
      if (!(row?.wrapped_key instanceof Uint8Array)) return undefined;
      return { sealed: row.wrapped_key, context: wrappedKeyContext(String(row.person_id)) };
    },
  };
}

/** By which this gateway compares what it does not keep. The key stays the same when the KEK that wraps it is another. */
export function openContentBlind(database: Pick<Database, 'sqlTransaction'>, kek: Uint8Array): Promise<ContentBlind> {
  return database.sqlTransaction(async (client) => {
    await keepFirstBlind(client, kek);
    const { rows } = await client.query<{ wrapped_blind: Buffer }>(
      "SELECT wrapped_blind FROM gateway.kek_check WHERE purpose = 'kek'",
    );
    const wrapped = rows[0]?.wrapped_blind;
    if (!wrapped) throw new Error('the KEK was not opened before what it wraps');
    return new ContentBlind(openBytes(kek, wrapped, blindContext()));
  });
}

/** What is kept already stays as it is, by whichever KEK it is wrapped. */
async function keepFirstBlind(client: pg.ClientBase, kek: Uint8Array): Promise<void> {
  await client.query(
    "UPDATE gateway.kek_check SET wrapped_blind = $1 WHERE purpose = 'kek' AND wrapped_blind IS NULL",
    [sealBytes(kek, firstBlindKey(kek), blindContext())],
  );
}
