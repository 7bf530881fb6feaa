import type { MembershipState, NodeHealth } from '#contracts';

/** States in which a node's silence is watched. */
export const isWatched = (health: NodeHealth): boolean => health === 'alive' || health === 'suspect';

/** States that only a new join ends: the node said that it went, or was silent too long. */
export const needsJoin = (health: NodeHealth): boolean => health === 'asleep' || health === 'left' || health === 'dead';

/** Health that goes with a decision: an expelled node has no other; one taken back must join anew. */
export function healthUnder(membership: MembershipState, health: NodeHealth): NodeHealth {
  if (membership === 'expelled') return 'expelled';
  return health === 'expelled' ? 'left' : health;
}
