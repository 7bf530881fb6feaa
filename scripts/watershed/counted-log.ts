import { readFile } from 'node:fs/promises';
import { DecisionCount, LogRefusedError } from '#ballots';
import { type ClusterDelegation, clusterDelegation, type LogEntry, logEntry, publicJwk } from '#contracts';
import { isWatershedError } from '#errors';
import { readDelegation, thumbprintOf, verifyDelegation } from '#sigil';
import { type Api, CommandError } from './api.js';

/** Where a count begins: which cluster, and whose key is its first operator's. */
export interface GenesisOptions {
  /** The cluster's id, where it is known from elsewhere. */
  readonly cluster?: string;
  /** A file with the first operator's public key as a JWK, where it is known from elsewhere. */
  readonly genesis?: string;
}

/**
 * Downloads the log of decisions and counts it here, from the genesis on: chain, signatures, frozen lists, majorities,
 * outcomes. The gateway is believed in nothing. Throws CommandError at the first entry that does not hold.
 */
export async function countLog(
  api: Api,
  options: GenesisOptions = {},
): Promise<{ count: DecisionCount; entries: LogEntry[] }> {
  const delegation = await delegationOf(api, options);
  const count = new DecisionCount(delegation.clusterId, await genesisIdOf(delegation, options));
  const entries: LogEntry[] = [];
  for (const item of await api.all<unknown>('/v1/governance/log', { anonymous: true })) {
    const parsed = logEntry.safeParse(item);
    if (!parsed.success) throw new CommandError('The log holds something that is no entry of a log.', 'log');
    try {
      await count.take(parsed.data);
    } catch (error) {
      if (!(error instanceof LogRefusedError)) throw error;
      throw new CommandError(`${error.message}. ${entries.length} entries before it hold.`, 'log');
    }
    entries.push(parsed.data);
  }
  return { count, entries };
}

/**
 * Signed by the root whose thumbprint is the cluster's id, it names the first operator. The data folder's own is known for
 * certain; else the cluster shows it, which proves nothing but that it belongs to the id that it names.
 */
async function delegationOf(api: Api, { cluster }: GenesisOptions): Promise<ClusterDelegation> {
  const delegation = (await readDelegation(api.dataFolder)) ?? (await shownDelegation(api));
  if (cluster !== undefined && cluster !== delegation.clusterId) {
    throw new CommandError(`This is the cluster ${delegation.clusterId}, not ${cluster}.`, 'cluster');
  }
  return delegation;
}

async function shownDelegation(api: Api): Promise<ClusterDelegation> {
  const { delegation } = await api.request<{ delegation: unknown }>('GET', '/v1/cluster', { anonymous: true });
  try {
    const shown = clusterDelegation.parse(delegation);
    await verifyDelegation(shown);
    return shown;
  } catch (error) {
    const reason = isWatershedError(error) ? error.message : 'it is of no known form';
    throw new CommandError(`The cluster’s delegation does not hold: ${reason}`, 'cluster');
  }
}

async function genesisIdOf(delegation: ClusterDelegation, { genesis }: GenesisOptions): Promise<string> {
  if (genesis !== undefined) return thumbprintOf(publicJwk.parse(JSON.parse(await readFile(genesis, 'utf8'))));
  const named = delegation.keys.find(({ purpose }) => purpose === 'operator');
  if (!named) throw new CommandError('The cluster’s delegation names no first operator; name their key by --genesis.');
  return thumbprintOf(named.key);
}
