import type { ModelEntry } from '../model/engine/model-entry.js';
import type { ModelLifecycle } from '../model/engine/model-lifecycle.js';
import {
  isModelServerError,
  type ModelServer,
  type ModelServerSupervisor,
  type RepositoryEntry,
} from './model-server.port.js';

export interface ModelServerWatchOptions {
  readonly lifecycle: Pick<ModelLifecycle, 'all' | 'lost' | 'serverGone' | 'stranded' | 'revive' | 'examine'>;
  readonly server: Pick<ModelServer, 'index' | 'ready'>;
  readonly supervisor: Pick<ModelServerSupervisor, 'ensure' | 'onGone' | 'onModelDied' | 'processes'>;
  /** Between two looks while all is well. */
  readonly intervalMs: number;
  /** Between two looks while models wait for their server. */
  readonly eagerMs: number;
  readonly logger: { warn(fields: object, message: string): void };
}

/** One may be a busy machine, or its death a moment before we hear of it. */
const silences = 2;

/**
 * Keeps what is loaded true: a server that went away gets its models again as soon as it is back, a model whose process
 * died is seen although nobody asks it anything. A Triton that somebody else restarts is found by its index, which then
 * knows nothing of our models. A server of our own that answers nobody is ended, and so started anew.
 */
export class ModelServerWatch {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private unanswered = 0;
  private closed = false;
  private lookAgain = false;
  private readonly stopListening: (() => void)[];

  constructor(private readonly options: ModelServerWatchOptions) {
    const { lifecycle, supervisor } = options;
    const gone = () => {
      this.unanswered = 0;
      lifecycle.serverGone();
      this.soon();
    };
    this.stopListening = [supervisor.onGone(gone), supervisor.onModelDied(() => this.soon())];
    this.plan();
  }

  /** Something looked wrong: look now rather than later. */
  soon(): void {
    if (this.closed) return;
    if (this.looking) {
      this.lookAgain = true;
      return;
    }
    if (this.timer) clearTimeout(this.timer);
    this.timer = undefined;
    this.looking = this.look().finally(() => {
      this.looking = undefined;
      const again = this.lookAgain;
      this.lookAgain = false;
      if (again) this.soon();
      else this.plan();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.stopListening) stop();
    if (this.timer) clearTimeout(this.timer);
    await this.looking;
  }

  private plan(): void {
    if (this.closed) return;
    const { lifecycle, intervalMs, eagerMs } = this.options;
    const waitMs = lifecycle.stranded().length > 0 || this.unanswered > 0 ? eagerMs : intervalMs;
    this.timer = setTimeout(() => this.soon(), waitMs);
    // Nothing is lost when the process ends between two looks.
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const { lifecycle, server, supervisor, logger } = this.options;
    try {
      if (lifecycle.stranded().length > 0) {
        await supervisor.ensure();
        if (await server.ready()) lifecycle.revive();
        this.unanswered = 0;
        return;
      }
      const ready = [...lifecycle.all()].filter(({ state }) => state === 'ready' || state === 'quarantined');
      if (ready.length === 0) {
        this.unanswered = 0;
        return;
      }
      const generations = new Map(ready.map((entry) => [entry, entry.generation]));
      const index = await server.index();
      const living = supervisor.processes?.living?.();
      this.unanswered = 0;
      for (const entry of ready) {
        if (entry.generation !== generations.get(entry)) continue;
        const found = foundIn(index, entry);
        if (found?.state === 'READY') {
          if (living && !living.some(isOf(entry))) lifecycle.lost(entry, 'crashed');
          else if (entry.state === 'quarantined') await lifecycle.examine(entry);
          continue;
        }
        // What hangs may be a long time unloading.
        if (entry.state === 'quarantined' && found?.state === 'UNLOADING') continue;
        const died = found?.state === 'UNAVAILABLE' && found.reason !== 'unloaded';
        lifecycle.lost(entry, died ? 'crashed' : 'missing');
      }
    } catch (error) {
      if (!isModelServerError(error)) return;
      this.unanswered += 1;
      if (this.unanswered < silences) return;
      this.unanswered = 0;
      if (lifecycle.serverGone().length > 0) logger.warn({ err: error }, 'the model server does not answer');
      await supervisor.processes?.killServer();
    }
  }
}

const isOf = (entry: ModelEntry) => (one: { readonly name: string; readonly version?: string }) =>
  one.name === entry.servedName && one.version === entry.servedVersion;
const foundIn = (index: readonly RepositoryEntry[], entry: ModelEntry): RepositoryEntry | undefined =>
  index.find(isOf(entry));
