import type { Database } from '#persistence';
import { openRotatedKek, proveKek, type RotatedKekOptions } from '#seal';
import { podKeyContext } from './pod-keys.js';

/**
 * The key that wraps pods' keys, in a file of its own, outside the database and its backups; rotated first where the next
 * one waits.
 */
export function openPodKek(database: Pick<Database, 'sqlTransaction'>, file: string): Promise<Uint8Array> {
  return openRotatedKek(podKek(database, file));
}

/** Proves it and rotates nothing, while pod hosts may be running. */
export function provePodKek(database: Pick<Database, 'sqlTransaction'>, file: string): Promise<void> {
  return proveKek(podKek(database, file));
}

function podKek(database: Pick<Database, 'sqlTransaction'>, file: string): RotatedKekOptions {
  return {
    ...{ database, app: 'pod-host', file, purpose: 'pod-kek' },
    keys: [
      { ...{ table: 'pod_host.pod', id: 'pod_id', idType: 'uuid', wrapped: 'wrapped_key' }, context: podKeyContext },
    ],
    sample: async (firstRow) => {
      const row = await firstRow('SELECT pod_id, wrapped_key FROM pod_host.pod WHERE wrapped_key IS NOT NULL LIMIT 1');
      if (!(row?.wrapped_key instanceof Uint8Array)) return undefined;
      return { sealed: row.wrapped_key, context: podKeyContext(String(row.pod_id)) };
    },
  };
}
