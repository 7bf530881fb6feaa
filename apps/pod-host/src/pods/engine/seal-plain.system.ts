import type { PlainResources, ResourceStore } from './pod.ports.js';

/**
 * Seals what lies plain from before pods had keys, one resource after the other: killed at any point, the next start goes
 * on. The plain files have no row then, and the sweep that follows erases them. Answers how many rows it sealed, and of
 * how many the bytes were not there or not those of their hash: these stay as unreadable as they were.
 */
export async function sealPlainResources(
  repository: PlainResources,
  store: ResourceStore,
): Promise<{ readonly sealed: number; readonly damaged: number }> {
  let [sealed, damaged] = [0, 0];
  for (let next = await repository.nextPlain(); next; next = await repository.nextPlain()) {
    const { pod, resource } = next;
    const { podId, key } = pod;
    const source = await store.openPlain(podId, resource.sha256);
    const staged = source && (await store.stage(key, source, Number.MAX_SAFE_INTEGER));
    const isWhole = staged?.sha256 === resource.sha256;
    await repository.sealPlain(podId, resource, async () => {
      if (staged && isWhole) await store.keep(podId, key.contentTag(staged.sha256), staged);
    });
    if (staged) await store.discard(staged);
    sealed += 1;
    if (!isWhole) damaged += 1;
  }
  return { sealed, damaged };
}
