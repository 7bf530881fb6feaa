import { Counter, Gauge, type Registry } from 'prom-client';

export type DropReason =
  | 'channel_malformed'
  | 'message_malformed'
  | 'duplicate'
  | 'expired'
  | 'reply_unasked'
  | 'sender_not_allowed';

interface Tally {
  readonly byOutcome: Map<string, number>;
  totalMs: number;
}

/**
 * Counts kept as plain numbers on the hot path and handed to the registry when it is read: looking a labelled metric up
 * costs as much as a tenth of a call.
 */
export class BusMetrics {
  private readonly called = new Map<string, Tally>();
  private readonly handled = new Map<string, Tally>();
  private readonly dropped = new Map<DropReason, number>();
  /** 1 while calls can be made. */
  connected = 0;
  pending: () => number = () => 0;

  constructor(registry: Registry) {
    const registers = [registry];
    const { called, handled, dropped } = this;
    exportTallies(registers, 'watershed_bus_calls', 'Calls made on the bus', called);
    exportTallies(registers, 'watershed_bus_handled', 'Calls answered on the bus', handled);
    new Counter({
      name: 'watershed_bus_dropped_total',
      help: 'Messages that were not acted on, by reason',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of dropped) this.inc({ reason }, count);
      },
    });
    const connected = () => this.connected;
    new Gauge({
      name: 'watershed_bus_connected',
      help: '1 while calls can be made',
      registers,
      collect() {
        this.set(connected());
      },
    });
    const pending = () => this.pending();
    new Gauge({
      name: 'watershed_bus_pending_calls',
      help: 'Calls waiting for their answer',
      registers,
      collect() {
        this.set(pending());
      },
    });
  }

  countCall(method: string, outcome: string, ms: number): void {
    count(this.called, method, outcome, ms);
  }

  countHandled(method: string, outcome: string, ms: number): void {
    count(this.handled, method, outcome, ms);
  }

  drop(reason: DropReason): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  droppedFor(reason: DropReason): number {
    return this.dropped.get(reason) ?? 0;
  }
}

function count(tallies: Map<string, Tally>, method: string, outcome: string, ms: number): void {
  let tally = tallies.get(method);
  if (!tally) {
    tally = { byOutcome: new Map(), totalMs: 0 };
    tallies.set(method, tally);
  }
  tally.totalMs += ms;
  tally.byOutcome.set(outcome, (tally.byOutcome.get(outcome) ?? 0) + 1);
}

function exportTallies(registers: Registry[], name: string, help: string, tallies: Map<string, Tally>): void {
  new Counter({
    name: `${name}_total`,
    help: `${help}, by method and outcome`,
    labelNames: ['method', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const [method, tally] of tallies) {
        for (const [outcome, total] of tally.byOutcome) this.inc({ method, outcome }, total);
      }
    },
  });
  new Counter({
    name: `${name}_seconds_total`,
    help: `${help}: time spent on them`,
    labelNames: ['method'],
    registers,
    collect() {
      this.reset();
      for (const [method, tally] of tallies) this.inc({ method }, tally.totalMs / 1_000);
    },
  });
}
