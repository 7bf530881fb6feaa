import type { PodRepository, ResourceStore } from './pod.ports.js';

export interface Swept {
  readonly pods: number;
  readonly contents: number;
}

/**
 * Erases what a crash left behind: arrivals that never became whole, bytes that were moved to their place and never
 * committed, bytes of pods that are deleted. Each under its pod's lock, so another instance on the same disk may be at work.
 */
export async function sweepOrphans(repository: PodRepository, store: ResourceStore): Promise<Swept> {
  await store.clearStaging();
  let pods = 0;
  let contents = 0;
  for (const podId of await store.podIds()) {
    const kept = await store.contents(podId);
    const found = await repository.locked(podId, async (pod) => {
      for (const sha256 of kept) {
        if ((await pod.holders(sha256)) > 0) continue;
        await store.erase(podId, sha256);
        contents += 1;
      }
      return true;
    });
    if (found) continue;
    await store.erasePod(podId);
    pods += 1;
  }
  return { pods, contents };
}
