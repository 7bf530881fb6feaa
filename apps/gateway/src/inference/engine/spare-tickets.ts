import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import type { NodeId, TransferTicket } from '#contracts';
import type { Reserved, ReserveItem, ReservePort } from './inference.ports.js';

export interface SpareTicketsOptions {
  readonly reserve: (nodeId: NodeId, item: ReserveItem) => Promise<TransferTicket>;
  /** The largest content that a spare ticket takes. */
  readonly maxBytes: number;
  /** How long a spare is good for; less than a ticket's own life and than what a reused grant has left of its own. */
  readonly freshMs: number;
  /** After a request, so that asking for the next ticket takes no time from this one. */
  readonly askAfterMs: number;
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

/** `undefined`: to be asked for in a moment. */
type Shelf = Map<string, Spare | undefined>;

/**
 * Keeps one ticket ahead for whoever asked a moment ago and may ask again: the reservation's way over the bus and back
 * is then over before the next request comes. A spare is bound to the same grant, model, form and runner; the runner has
 * judged the grant, and looks for room when the content is there.
 */
export class SpareTickets implements ReservePort {
  private readonly shelves: LRUCache<string, Shelf>;

  constructor(private readonly options: SpareTicketsOptions) {
    this.shelves = new LRUCache({ max: options.maxGrants });
  }

  async reserve(nodeId: NodeId, item: ReserveItem, anew = false): Promise<Reserved> {
    const { reserve, maxBytes, now } = this.options;
    if (item.sizeBytes > maxBytes) return { ticket: await reserve(nodeId, item), ahead: false };
    const shelf = this.shelfOf(item.grant);
    const place = `${nodeId} ${item.model} ${item.version ?? ''} ${item.form}`;
    const spare = shelf.get(place);
    if (spare || !shelf.has(place)) this.askAhead(shelf, place, nodeId, item);
    if (spare && !anew && spare.goodUntilMs > now()) {
      const ticket = await spare.ticket; // on its way already: there sooner than a new one
      if (ticket) return { ticket, ahead: true };
    }
    return { ticket: await reserve(nodeId, item), ahead: false };
  }

  private shelfOf(grant: string): Shelf {
    const known = this.shelves.get(grant);
    if (known) return known;
    const shelf: Shelf = new Map();
    this.shelves.set(grant, shelf);
    return shelf;
  }

  private askAhead(shelf: Shelf, place: string, nodeId: NodeId, item: ReserveItem): void {
    const { reserve, maxBytes, freshMs, askAfterMs, now } = this.options;
    shelf.set(place, undefined);
    const ask = () => {
      const wanted: ReserveItem = { ...item, taskId: uuidv7(), sizeBytes: maxBytes, ahead: true };
      // Where it is refused the next request asks for itself, and hears why.
      const ticket = reserve(nodeId, wanted).catch(() => undefined);
      shelf.set(place, { ticket, goodUntilMs: now() + freshMs });
    };
    setTimeout(ask, askAfterMs).unref();
  }
}
