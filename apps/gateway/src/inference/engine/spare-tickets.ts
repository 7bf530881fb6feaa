import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import type { NodeId, TransferTicket } from '#contracts';
import type { Reserved, ReserveItem, ReservePort } from './inference.ports.js';

export interface SpareTicketsOptions {
  readonly reserve: (nodeId: NodeId, item: ReserveItem) => Promise<TransferTicket>;
  /** So many tickets for contents that may come, of `sizeBytes` at most each. */
  readonly reserveAhead: (nodeId: NodeId, item: ReserveItem, count: number) => Promise<readonly TransferTicket[]>;
  /** The largest content that a spare ticket takes. */
  readonly maxBytes: number;
  /** The most spares that are asked for at once. */
  readonly maxAtOnce: number;
  /** How long a spare is good for; less than a ticket's own life and than what a reused grant has left of its own. */
  readonly freshMs: number;
  /** Runs something in a moment, so that asking for the next tickets takes no time from the request at hand. */
  readonly inAMoment: (ask: () => void) => void;
  /** Grants whose spares are remembered. */
  readonly maxGrants: number;
  /** A clock that never runs backwards, in milliseconds. */
  readonly now: () => number;
}

interface Spare {
  /** Undefined where the runner gave none. */
  readonly ticket: Promise<TransferTicket | undefined>;
  readonly goodUntilMs: number;
}

/** The spares of one grant for one model in one form at one runner, oldest first. */
interface Shelf {
  spares: Spare[];
  /** How many are asked for next. */
  count: number;
  /** Spares are to be asked for in a moment. */
  asking: boolean;
  askedAtMs: number;
}

/** Who comes back for more within this long gets twice as many the next time. */
const soonMs = 100;
/** Who stays away for this long gets half as many. */
const lateMs = 2_000;

/**
 * Keeps tickets ahead for whoever asked a moment ago and may ask again: the reservation's way over the bus and back is
 * then over before the next request comes, and who asks often has many brought by one call. A spare is bound to the same
 * grant, model, form and runner; the runner has judged the grant, and looks for room when the content is there.
 */
export class SpareTickets implements ReservePort {
  private readonly byGrant: LRUCache<string, Map<string, Shelf>>;

  constructor(private readonly options: SpareTicketsOptions) {
    this.byGrant = new LRUCache({ max: options.maxGrants });
  }

  async reserve(nodeId: NodeId, item: ReserveItem, anew = false): Promise<Reserved> {
    const { reserve, maxBytes } = this.options;
    if (item.sizeBytes > maxBytes) return { ticket: await reserve(nodeId, item), ahead: false };
    const shelf = this.shelfOf(nodeId, item);
    if (anew) shelf.spares = []; // where one is no longer good, none of its age is
    const spare = this.take(shelf);
    if (shelf.spares.length <= shelf.count / 4) this.askSoon(shelf, nodeId, item);
    const ticket = await spare?.ticket; // where it is on its way already it is there sooner than a new one
    return ticket ? { ticket, ahead: true } : { ticket: await reserve(nodeId, item), ahead: false };
  }

  private shelfOf(nodeId: NodeId, item: ReserveItem): Shelf {
    let shelves = this.byGrant.get(item.grant);
    if (!shelves) {
      shelves = new Map();
      this.byGrant.set(item.grant, shelves);
    }
    const place = `${nodeId} ${item.model} ${item.version ?? ''} ${item.form}`;
    let shelf = shelves.get(place);
    if (!shelf) {
      shelf = { spares: [], count: 1, asking: false, askedAtMs: Number.NEGATIVE_INFINITY };
      shelves.set(place, shelf);
    }
    return shelf;
  }

  private take(shelf: Shelf): Spare | undefined {
    const now = this.options.now();
    for (;;) {
      const spare = shelf.spares.shift();
      if (!spare || spare.goodUntilMs > now) return spare;
    }
  }

  private askSoon(shelf: Shelf, nodeId: NodeId, item: ReserveItem): void {
    if (shelf.asking) return;
    shelf.asking = true;
    this.options.inAMoment(() => this.ask(shelf, nodeId, item));
  }

  private ask(shelf: Shelf, nodeId: NodeId, item: ReserveItem): void {
    const { reserveAhead, maxBytes, maxAtOnce, freshMs, now } = this.options;
    const pauseMs = now() - shelf.askedAtMs;
    if (pauseMs < soonMs) shelf.count = Math.min(shelf.count * 2, maxAtOnce);
    else if (pauseMs > lateMs) shelf.count = Math.max(1, shelf.count >> 1);
    shelf.askedAtMs = now();
    shelf.asking = false;
    const { count } = shelf;
    const asked = reserveAhead(nodeId, { ...item, taskId: uuidv7(), sizeBytes: maxBytes }, count);
    // Where they are refused the next requests ask for themselves, and hear why.
    const tickets = asked.catch((): readonly TransferTicket[] => []);
    const goodUntilMs = now() + freshMs;
    for (let at = 0; at < count; at++) shelf.spares.push({ ticket: tickets.then((given) => given[at]), goodUntilMs });
  }
}
