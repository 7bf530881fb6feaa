import type { ProposalKind } from '#contracts';
import type { CountedMembership } from './counted.js';

/** More than half of the list. */
export const majorityOf = (operators: number): number => Math.floor(operators / 2) + 1;

/**
 * Whether a node's own operator may decide this alone: they may pause what they lend at any time, and take that pause
 * back. What the cluster decided only the cluster takes back.
 */
export function decidesAlone(kind: ProposalKind, openedBy: string, node: CountedMembership | undefined): boolean {
  if (node?.membership.operatorId !== openedBy) return false;
  if (kind === 'node-pause') return node.membership.state === 'admitted';
  return kind === 'node-readmit' && node.pausedAlone;
}

export const inOrder = (ids: Iterable<string>): string[] => [...ids].sort();

export const sameIds = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((id, index) => id === other[index]);
