import type { NodeId } from '#contracts';
import type { WatchedDirectory } from './watched-directory.js';

/** Calls `listener` once for each expulsion that this node's watch of the index learns of; returns how to stop. */
export function onExpelled(
  directory: Pick<WatchedDirectory, 'onChange'>,
  listener: (nodeId: NodeId) => void,
): () => void {
  const known = new Set<NodeId>();
  return directory.onChange(({ nodeId, entry }) => {
    if (entry?.health !== 'expelled') known.delete(nodeId);
    else if (!known.has(nodeId)) {
      // A snapshot names the expelled again; that is no news.
      known.add(nodeId);
      listener(nodeId);
    }
  });
}
