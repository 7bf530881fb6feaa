import type { Proposal } from '#contracts';
import { WatershedError } from '#errors';

/**
 * Refuses what nobody could take back: a proposal, or a vote for one, that shuts out one of the nodes it came through. Who
 * wants that gateway or this instance of governance out decides so through another. Throws `conflict`.
 */
export function mustBeReversible(
  { kind, subject }: Pick<Proposal, 'kind' | 'subject'>,
  through: readonly string[],
): void {
  if ((kind !== 'node-exclude' && kind !== 'node-pause') || !through.includes(subject)) return;
  throw new WatershedError(
    'conflict',
    'This came through the very node it shuts out, and nothing later could. Decide through another gateway, or stop the node.',
  );
}
