import { serviceNames } from '#contracts';
import type { Metrics } from '#telemetry';
import type { IndexEngine } from './engine/index-engine.js';

/** `serves` rather than `service`: that label says whose metric it is. */
export function observeNodes(metrics: Metrics, engine: Pick<IndexEngine, 'changes'>): void {
  metrics.gauge(
    'index_alive_nodes',
    'Nodes that are alive and admitted, by what they serve',
    ['serves'],
    async (gauge) => {
      const { nodes } = await engine.changes(undefined);
      for (const service of serviceNames) {
        const alive = nodes.filter(
          ({ health, membership, manifest }) =>
            health === 'alive' && membership === 'admitted' && manifest.services.includes(service),
        );
        gauge.set({ serves: service }, alive.length);
      }
    },
  );
}
