import type { Bus } from '#bus';
import {
  type BusMethod,
  heartbeat,
  indexChanges,
  indexJoin,
  indexLeave,
  type NodeId,
  type NodeManifest,
  type PayloadOf,
  type RequestOf,
  type ResponseOf,
  type Revision,
} from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { findIndexes } from './index-presence.js';
import type { IndexChanges, WatchedDirectory } from './watched-directory.js';

export type JoinAnswer = ResponseOf<typeof indexJoin>;

/** The index as a node needs it: over the bus, or in-process for the index's own node. */
export interface IndexPort {
  join(manifest: NodeManifest): Promise<JoinAnswer>;
  changes(since: Revision | undefined): Promise<IndexChanges>;
  leave(health: 'left' | 'asleep'): Promise<void>;
  /** Broadcasts do not come back to their sender, so an index hears its own heartbeat by this. */
  heard?(payload: PayloadOf<typeof heartbeat>): Promise<void>;
  /** Nudges of this instance's own changes, which for the same reason no broadcast brings. */
  onChange?(nudge: () => void): void;
}

/** Asks an index that the directory names; before there is one, and when none answers, those of the presence key. */
export class BusIndexPort implements IndexPort {
  constructor(
    private readonly bus: Bus,
    private readonly directory: WatchedDirectory,
  ) {}

  join(manifest: NodeManifest): Promise<JoinAnswer> {
    return this.askPresent(indexJoin, { manifest });
  }

  async changes(since: Revision | undefined): Promise<IndexChanges> {
    return this.ask(indexChanges, since ? { since } : {});
  }

  async leave(health: 'left' | 'asleep'): Promise<void> {
    await this.ask(indexLeave, { health }, 1_000);
  }

  private async ask<M extends BusMethod>(method: M, request: RequestOf<M>, timeoutMs = 2_000): Promise<ResponseOf<M>> {
    if (this.directory.find('index').length === 0) return this.askPresent(method, request, timeoutMs);
    try {
      return await this.bus.call(method, request, { timeoutMs });
    } catch (error) {
      if (!isWatershedError(error, 'node_unreachable') && !isWatershedError(error, 'no_node_available')) throw error;
      return this.askPresent(method, request, timeoutMs);
    }
  }

  private async askPresent<M extends BusMethod>(
    method: M,
    request: RequestOf<M>,
    timeoutMs = 3_000,
  ): Promise<ResponseOf<M>> {
    await this.bus.whenConnected(timeoutMs);
    let failure: unknown = new WatershedError('no_node_available', 'No index answers in this cluster yet.', {
      retryAfterMs: 500,
    });
    for (const to of await this.present()) {
      try {
        return await this.bus.call(method, request, { to, timeoutMs });
      } catch (error) {
        if (!isAbsence(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  private async present(): Promise<NodeId[]> {
    return findIndexes(this.bus.redis, this.bus.identity.clusterId);
  }
}

const absences = new Set(['node_unreachable', 'deadline_exceeded', 'shutting_down', 'no_node_available']);

/** The node that was asked is not there, rather than unwilling. */
const isAbsence = (error: unknown): boolean => isWatershedError(error) && absences.has(error.code);
