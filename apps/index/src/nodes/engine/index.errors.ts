import type { NodeId } from '#contracts';
import { WatershedError } from '#errors';

export const manifestInvalid = (reason: string, cause?: unknown): WatershedError =>
  new WatershedError('manifest_invalid', `The node's manifest is refused: ${reason}.`, { details: { reason }, cause });

export const nodeExpelled = (): WatershedError =>
  new WatershedError(
    'node_expelled',
    'This node has been expelled from the cluster. Its operators can admit it again.',
  );

/** It may be over soon: a node that has gone is found out by its silence. */
export const nodeAddressTaken = (holder: NodeId): WatershedError =>
  new WatershedError(
    'node_address_taken',
    `The node ${holder} takes content at the address in this node's manifest: give it another address, or take that node out of the cluster first.`,
    { details: { holder }, retryAfterMs: 5_000 },
  );

export const governanceAway = (cause: unknown): WatershedError =>
  new WatershedError('no_node_available', 'Governance cannot be asked about this node yet. Try again.', {
    retryAfterMs: 1_000,
    cause,
  });
