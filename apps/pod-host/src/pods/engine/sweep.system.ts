import type { PodRepository, ResourceStore } from './pod.ports.js';

export interface Swept {
  readonly pods: number;
  readonly contents: number;
  readonly arrivals: number;
}

/**
 * Erases what a crash left behind: arrivals that never became whole, bytes that were moved to their place and never
 * committed, bytes of pods that are deleted. Each under its pod's lock, so this instance or another on the same disk may be at work:
 * arrivals count as left behind when nobody has written to them for `olderThanMs`.
 */
export async function sweepOrphans(
  repository: PodRepository,
  store: ResourceStore,
  olderThanMs: number,
): Promise<Swept> {
  const arrivals = await store.clearAbandoned(olderThanMs);
  let pods = 0;
  let contents = 0;
  for (const podId of await store.podIds()) {
    const kept = await store.contents(podId);
    const found = await repository.locked(podId, async (pod) => {
      for (const contentTag of kept) {
        if ((await pod.holders(contentTag)) > 0) continue;
        await store.erase(podId, contentTag);
        contents += 1;
      }
      return true;
    });
    if (found) continue;
    await store.erasePod(podId);
    pods += 1;
  }
  return { pods, contents, arrivals };
}
