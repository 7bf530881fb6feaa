import { z } from 'zod';
import { instant, type Membership, thumbprint } from '#contracts';
import { WatershedError } from '#errors';
import type { Counted } from './counted.js';

const admission = z.object({
  type: z.literal('watershed/admission'),
  nodeId: thumbprint,
  operatorId: thumbprint,
  admittedAt: instant,
});
/** A node came with a manifest that an operator signed; the index that took it has checked that. */
export type Admission = z.infer<typeof admission>;

export const readAdmission = (document: unknown): Admission => admission.parse(document);

/**
 * The first membership of a node. Throws `role_missing` where its operator is none, `conflict` where the node has been
 * decided on: who was voted out comes back by a vote, never by asking again.
 */
export function admissionOutcome(counted: Counted, { nodeId, operatorId, admittedAt }: Admission): Membership {
  if (!counted.operators.has(operatorId)) {
    throw new WatershedError(
      'role_missing',
      'The manifest is signed by someone who is not an operator of this cluster.',
    );
  }
  if (counted.memberships.has(nodeId)) {
    throw new WatershedError('conflict', 'This node was part of the cluster before. A vote lets it back in.');
  }
  return {
    nodeId,
    operatorId,
    state: 'admitted',
    reason: 'joined with a manifest that its operator signed',
    epoch: 1,
    decidedAt: admittedAt,
    decidedBy: operatorId,
  };
}
