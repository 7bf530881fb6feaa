import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClusterDelegation, clusterDelegation, type KeyPurpose } from '#contracts';
import { type DelegatedKey, signDelegation, verifyDelegation } from './delegation.js';
import { KeyFileError } from './key-file.errors.js';
import { loadOrCreateSigil, loadSigil, replacePrivateFile } from './key-file.js';
import { type Sigil, thumbprintOf } from './sigil.js';

/** Purposes of the keys that a cluster's services sign with; `operator` is a person's and lies elsewhere. */
export const operationalPurposes = [
  'grant',
  'token',
  'descriptor',
  'model',
  'price',
  'membership',
] as const satisfies readonly KeyPurpose[];
export type OperationalPurpose = (typeof operationalPurposes)[number];

const dayMs = 86_400_000;
const validForMs = 400 * dayMs;
const renewBeforeMs = 90 * dayMs;
/** Clocks of those who check may run behind ours. */
const backdatedMs = 5 * 60_000;

export interface ClusterIdentity {
  readonly clusterId: string;
  readonly delegation: ClusterDelegation;
  readonly delegationFile: string;
  keyFile(purpose: OperationalPurpose | 'operator'): string;
}

export const rootFileOf = (dataDir: string): string => join(dataDir, 'identity', 'root.json');
export const nextRootFileOf = (dataDir: string): string => join(dataDir, 'identity', 'next-root.json');
export const delegationFileOf = (dataDir: string): string => join(dataDir, 'identity', 'delegation.json');
export function keyFileOf(dataDir: string, purpose: OperationalPurpose | 'operator'): string {
  return purpose === 'operator' ? join(dataDir, 'operator', 'sigil.json') : join(dataDir, 'keys', `${purpose}.json`);
}

/** The root that gives a cluster its id for ever, and the root that will follow it, to which the first commits. */
export async function createGenesis({ dataDir }: { dataDir: string }): Promise<{ root: Sigil; nextRootHash: string }> {
  const root = await loadOrCreateSigil(rootFileOf(dataDir), 'root');
  const next = await loadOrCreateSigil(nextRootFileOf(dataDir), 'root');
  return { root, nextRootHash: next.thumbprint };
}

/**
 * The identity that lies in this folder, made when there is none, renewed when its keys changed or near their end.
 * May be killed between any two files: the next call goes on with what is there, because the delegation, which makes
 * the keys count, is written last. Once it exists no second genesis is made, so the roots and the operator's key may be
 * taken off the machine; KeyFileError where they are then needed.
 */
export async function ensureClusterIdentity(options: {
  dataDir: string;
  purposes?: readonly OperationalPurpose[];
  now?: () => Date;
}): Promise<ClusterIdentity> {
  const { dataDir, purposes = operationalPurposes, now = () => new Date() } = options;
  const existing = await readDelegation(dataDir);
  if (!existing) await createGenesis({ dataDir });
  const wanted = await wantedKeys(dataDir, purposes, existing);
  const delegation =
    existing && isCurrent(existing, wanted, now()) ? existing : await delegate(dataDir, wanted, existing, now());
  return {
    clusterId: delegation.clusterId,
    delegation,
    delegationFile: delegationFileOf(dataDir),
    keyFile: (purpose) => keyFileOf(dataDir, purpose),
  };
}

/** The delegation of this folder, verified; undefined where there is none. KeyFileError when it is damaged. */
export async function readDelegation(dataDir: string): Promise<ClusterDelegation | undefined> {
  const file = delegationFileOf(dataDir);
  if (!existsSync(file)) return undefined;
  try {
    const delegation = clusterDelegation.parse(JSON.parse(await readFile(file, 'utf8')));
    await verifyDelegation(delegation);
    return delegation;
  } catch (cause) {
    throw new KeyFileError('corrupt', `${file} is damaged or was not signed by its root.`, { cause });
  }
}

type WantedKey = Pick<DelegatedKey, 'purpose' | 'key'>;

async function wantedKeys(
  dataDir: string,
  purposes: readonly OperationalPurpose[],
  existing: ClusterDelegation | undefined,
): Promise<WantedKey[]> {
  const wanted: WantedKey[] = [];
  for (const purpose of purposes) {
    const { publicJwk } = await loadOrCreateSigil(keyFileOf(dataDir, purpose), purpose);
    wanted.push({ purpose, key: publicJwk });
  }
  // The first operator is named by the genesis. Later their key is theirs to keep elsewhere, and never made anew here.
  const named = existing?.keys.find((each) => each.purpose === 'operator');
  const operator = named?.key ?? (await loadOrCreateSigil(keyFileOf(dataDir, 'operator'), 'operator')).publicJwk;
  wanted.push({ purpose: 'operator', key: operator });
  for (const other of existing?.keys ?? []) {
    if (!wanted.some((each) => each.purpose === other.purpose)) wanted.push({ purpose: other.purpose, key: other.key });
  }
  return wanted;
}

function isCurrent(delegation: ClusterDelegation, wanted: readonly WantedKey[], at: Date): boolean {
  return wanted.every(({ purpose, key }) =>
    delegation.keys.some(
      (each) =>
        each.purpose === purpose &&
        each.key.x === key.x &&
        Date.parse(each.notBefore) <= at.getTime() &&
        Date.parse(each.notAfter) - at.getTime() > renewBeforeMs,
    ),
  );
}

async function delegate(
  dataDir: string,
  wanted: readonly WantedKey[],
  existing: ClusterDelegation | undefined,
  at: Date,
): Promise<ClusterDelegation> {
  const root = await loadSigil(rootFileOf(dataDir), 'root');
  if (existing && existing.clusterId !== root.thumbprint) {
    throw new KeyFileError(
      'mismatch',
      `${rootFileOf(dataDir)} is another cluster's root than the delegation beside it.`,
    );
  }
  const nextRootHash =
    existing?.nextRootHash ?? thumbprintOf((await loadSigil(nextRootFileOf(dataDir), 'root')).publicJwk);
  const notBefore = new Date(at.getTime() - backdatedMs).toISOString();
  const notAfter = new Date(at.getTime() + validForMs).toISOString();
  const delegation = await signDelegation(root, {
    epoch: (existing?.epoch ?? 0) + 1,
    nextRootHash,
    keys: wanted.map((each) => ({ ...each, notBefore, notAfter })),
    issuedAt: at.toISOString(),
  });
  await replacePrivateFile(delegationFileOf(dataDir), `${JSON.stringify(delegation, null, 2)}\n`);
  return delegation;
}
