import { type ClusterDelegation, clusterDelegation, type KeyPurpose, type PublicJwk } from '#contracts';
import { WatershedError } from '#errors';
import { signDocument, verifyDocument } from './document.js';
import { documentTyp } from './document-typ.js';
import { type Sigil, thumbprintOf } from './sigil.js';

export interface DelegatedKey {
  readonly purpose: KeyPurpose;
  readonly key: PublicJwk;
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Signs what the root lets other keys do; `clusterId` is the genesis root's thumbprint. */
export async function signDelegation(
  root: Sigil,
  content: { epoch: number; nextRootHash: string; keys: readonly DelegatedKey[]; issuedAt: string },
): Promise<ClusterDelegation> {
  if (root.purpose !== 'root') throw new TypeError('only a root signs delegations');
  const body = {
    type: documentTyp.delegation,
    clusterId: root.thumbprint,
    epoch: content.epoch,
    rootKey: root.publicJwk,
    nextRootHash: content.nextRootHash,
    keys: [...content.keys],
    issuedAt: content.issuedAt,
  };
  return clusterDelegation.parse(await signDocument(body, root, { typ: documentTyp.delegation }));
}

/**
 * Proves a delegation by itself: the id is the root's thumbprint and the root signed it. Throws `signature_invalid`.
 * A root that was handed over is not known yet; its documents will need the chain of roots beside them.
 */
export async function verifyDelegation(delegation: ClusterDelegation): Promise<void> {
  if (thumbprintOf(delegation.rootKey) !== delegation.clusterId) {
    throw new WatershedError('signature_invalid', 'The delegation names a cluster that is not its root key’s.');
  }
  await verifyDocument(delegation, { typ: documentTyp.delegation, key: delegation.rootKey, purpose: 'root' });
}

/** The keys that a verified delegation gives this purpose at this instant (milliseconds since 1970). */
export function delegatedKeys(delegation: ClusterDelegation, purpose: KeyPurpose, atMs: number): PublicJwk[] {
  return delegation.keys
    .filter(
      (each) => each.purpose === purpose && Date.parse(each.notBefore) <= atMs && atMs < Date.parse(each.notAfter),
    )
    .map((each) => each.key);
}
