import type { Metrics } from '#telemetry';
import { type LoginPlaces, missingRedisLogins } from './engine/rebuild-logins.js';

/** A node without a Redis user of its own speaks through one that others share, or not at all. */
export function observeAccess(metrics: Metrics, places: Pick<LoginPlaces, 'store' | 'redis'>): void {
  metrics.gauge(
    'governance_redis_logins_missing',
    'Nodes that should have a Redis user of their own and have none',
    [],
    async (gauge) => gauge.set(await missingRedisLogins(places)),
  );
}
