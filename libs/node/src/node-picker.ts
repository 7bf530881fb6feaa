import type { CallOutcome } from '#bus';
import type { NodeEntry, NodeId } from '#contracts';
import { CircuitBreaker } from './circuit-breaker.js';

interface Experience {
  /** Exponentially weighted latency in ms; undefined before the first answer. */
  latencyMs: number | undefined;
  inFlight: number;
  readonly breaker: CircuitBreaker;
}

/** Weight of the newest latency. */
const ALPHA = 0.2;
/** What a node is taken to need that was never called: little, so that it is tried. */
const UNKNOWN_LATENCY_MS = 1;

export interface NodePickerOptions {
  readonly now?: () => number;
  readonly random?: () => number;
}

/**
 * Chooses among nodes by the power of two choices (Mitzenmacher 2001): two at random, the cheaper one wins. Cost is the
 * latency measured from here times the work in flight, ours and what the node itself reported. Two choices spread load
 * almost as well as looking at all of them, and do not send every caller to the same momentary favourite.
 */
export class NodePicker {
  private readonly experiences = new Map<NodeId, Experience>();
  private readonly now: () => number;
  private readonly random: () => number;

  constructor(options: NodePickerOptions = {}) {
    this.now = options.now ?? (() => performance.now());
    this.random = options.random ?? Math.random;
  }

  pick(entries: readonly NodeEntry[]): NodeEntry | undefined {
    const now = this.now();
    const open = entries.filter((entry) => this.of(entry.nodeId).breaker.admits(now));
    const first = open[Math.floor(this.random() * open.length)];
    if (!first || open.length === 1) return first;
    const others = open.filter((entry) => entry !== first);
    const second = others[Math.floor(this.random() * others.length)];
    return second && this.cost(second) < this.cost(first) ? second : first;
  }

  begin(nodeId: NodeId): void {
    const experience = this.of(nodeId);
    experience.inFlight += 1;
    experience.breaker.begin(this.now());
  }

  report(nodeId: NodeId, { ok, latencyMs }: CallOutcome): void {
    const experience = this.experiences.get(nodeId);
    // Forgotten while the call was under way: its end is no reason to remember the node for ever.
    if (!experience) return;
    experience.inFlight = Math.max(0, experience.inFlight - 1);
    if (!ok) {
      experience.breaker.fail(this.now());
      return;
    }
    if (latencyMs === undefined) {
      experience.breaker.abandon();
      return;
    }
    experience.breaker.succeed();
    const before = experience.latencyMs ?? latencyMs;
    experience.latencyMs = before + ALPHA * (latencyMs - before);
  }

  /** How many nodes there is experience of. */
  get size(): number {
    return this.experiences.size;
  }

  /** A node that came back is judged anew, and one that the index forgot is forgotten. */
  forget(nodeId: NodeId): void {
    this.experiences.delete(nodeId);
  }

  private cost({ nodeId, load }: NodeEntry): number {
    const { latencyMs = UNKNOWN_LATENCY_MS, inFlight } = this.of(nodeId);
    const busy = load ? load.inFlight / load.capacity : 0;
    return (latencyMs + (load?.loopDelayMs ?? 0)) * (1 + inFlight) * (1 + busy);
  }

  private of(nodeId: NodeId): Experience {
    let experience = this.experiences.get(nodeId);
    if (!experience) {
      experience = { latencyMs: undefined, inFlight: 0, breaker: new CircuitBreaker() };
      this.experiences.set(nodeId, experience);
    }
    return experience;
  }
}
