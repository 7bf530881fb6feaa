import { WatershedError } from '#errors';

export const manifestInvalid = (reason: string, cause?: unknown): WatershedError =>
  new WatershedError('manifest_invalid', `The node's manifest is refused: ${reason}.`, { details: { reason }, cause });

export const nodeExpelled = (): WatershedError =>
  new WatershedError(
    'node_expelled',
    'This node has been expelled from the cluster. Its operators can admit it again.',
  );

export const governanceAway = (cause: unknown): WatershedError =>
  new WatershedError('no_node_available', 'Governance cannot be asked about this node yet. Try again.', {
    retryAfterMs: 1_000,
    cause,
  });
