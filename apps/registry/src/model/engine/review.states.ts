import type { ReviewState } from './model.ports.js';

const next: Record<ReviewState, readonly ReviewState[]> = {
  submitted: ['approved', 'rejected'],
  approved: ['withdrawn'],
  withdrawn: ['approved'],
  rejected: [],
};

/** Whether a review that stands at `from` may move on to `to`. A rejected version stays so; its model may have another. */
export function mayMove(from: ReviewState, to: ReviewState): boolean {
  return next[from].includes(to);
}
