import type { Bus } from '#bus';
import { indexChanged, type Revision } from '#contracts';
import { toWireError } from '#errors';
import type { ChangeAnnouncer, IndexLog } from './engine/index.ports.js';

/**
 * Nudges the watchers of all nodes, and this instance's own, which no broadcast of ours reaches. Lost nudges are made
 * up for: every watch asks by itself now and then.
 */
export class BusAnnouncer implements ChangeAnnouncer {
  private readonly watchers = new Set<() => void>();

  constructor(
    private readonly bus: Bus,
    private readonly log: IndexLog,
  ) {}

  onChange(watcher: () => void): void {
    this.watchers.add(watcher);
  }

  changed(revision: Revision): void {
    for (const watcher of this.watchers) watcher();
    this.bus.broadcast(indexChanged, { revision }).catch((error: unknown) => {
      this.log.warn({ code: toWireError(error).code }, 'Watchers could not be told of a change');
    });
  }
}
