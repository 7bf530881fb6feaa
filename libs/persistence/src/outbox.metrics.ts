import type { OutboxRelay } from './outbox-relay.js';

/** The part of `#telemetry`'s metrics that is used here. */
interface Gauges {
  gauge(
    name: string,
    help: string,
    labelNames: readonly never[],
    collect: (gauge: { set(value: number): void }) => Promise<void>,
  ): unknown;
}

/** `watershed_outbox_oldest_pending_seconds`: what a receiver does not take, or a relay does not look at, grows old. */
export function observeOutbox(metrics: Gauges, relay: Pick<OutboxRelay, 'oldestPendingSeconds'>): void {
  metrics.gauge('outbox_oldest_pending_seconds', 'Age of the oldest message not delivered', [], async (gauge) =>
    gauge.set(await relay.oldestPendingSeconds()),
  );
}
