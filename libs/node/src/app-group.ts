import type { Env } from '#config';
import type { RunningApp, StartApp } from './running-app.js';

export interface NamedApp {
  readonly name: string;
  readonly start: StartApp;
}

export interface AppGroupOptions {
  /** For how long a stop waits for apps that are still starting; those later than that are closed when they arrive. */
  readonly startsTimeoutMs?: number;
  /** What draining or closing one app threw; the others go on. */
  readonly onError?: (error: unknown) => void;
  /** The first start that failed by itself, as soon as it has: the others may take seconds to close. */
  readonly onFailure?: (failure: StartFailure) => void;
}

export interface StartFailure {
  readonly app: string;
  readonly error: unknown;
}

const STARTS_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** Several apps of one process, started together, because they wait for each other, and stopped in the reverse order. */
export class AppGroup {
  /** By place in the list that was started. */
  private started: (RunningApp | undefined)[] = [];
  private settled: Promise<unknown> = Promise.resolve();
  private complete = false;
  private closing = false;
  private stopping: Promise<void> | undefined;
  private firstFailure: StartFailure | undefined;

  constructor(private readonly options: AppGroupOptions = {}) {}

  /** Those that are up, in the order of the list. */
  get apps(): readonly RunningApp[] {
    return this.started.filter((app) => app !== undefined);
  }

  /** The first start that failed by itself: what fails after a stop has begun is a consequence of the stop. */
  get failure(): StartFailure | undefined {
    return this.firstFailure;
  }

  ready(): boolean {
    return this.complete && !this.stopping && this.apps.every((app) => app.ready?.() ?? true);
  }

  /**
   * Resolves when all are up, or when a stop that came meanwhile is through. The first that fails to start closes the
   * others, without waiting for those that wait for it in vain, and is what this throws.
   */
  async start(env: Env, apps: readonly NamedApp[]): Promise<void> {
    this.started = apps.map(() => undefined);
    const starts = apps.map(({ name, start }, place) => this.startOne(name, place, () => start(env)));
    this.settled = Promise.allSettled(starts);
    try {
      await Promise.all(starts);
    } catch {
      // Which one it was, `startOne` has written down.
      await this.stop(0);
    }
    if (this.firstFailure) throw this.firstFailure.error;
    if (this.stopping) await this.stopping;
    else this.complete = true;
  }

  /**
   * Waits for starts that are under way, then drains one app after the other, the last started first: who answers people
   * comes before whom it calls, or draining would refuse the calls of requests that are still in flight. What has not
   * drained by then is closed as it is.
   */
  stop(drainTimeoutMs: number): Promise<void> {
    this.stopping ??= this.stopAll(drainTimeoutMs);
    return this.stopping;
  }

  /** Drains one app ahead of the others, which go on serving whoever else says good-bye before they do. */
  async drain(name: string, timeoutMs: number): Promise<void> {
    const app = this.apps.find((each) => each.name === name);
    if (app) await this.within(() => app.drain(), timeoutMs);
  }

  private async startOne(name: string, place: number, start: () => Promise<RunningApp>): Promise<void> {
    try {
      const app = await start();
      if (this.closing) await this.within(() => app.close(), CLOSE_TIMEOUT_MS);
      else this.started[place] = app;
    } catch (error) {
      if (!this.stopping && !this.firstFailure) {
        this.firstFailure = { app: name, error };
        this.options.onFailure?.(this.firstFailure);
      }
      throw error;
    }
  }

  private async stopAll(drainTimeoutMs: number): Promise<void> {
    await this.within(async () => void (await this.settled), this.options.startsTimeoutMs ?? STARTS_TIMEOUT_MS);
    this.closing = true;
    const reversed = [...this.apps].reverse();
    const deadline = performance.now() + drainTimeoutMs;
    for (const app of reversed) await this.within(() => app.drain(), deadline - performance.now());
    for (const app of reversed) await this.within(() => app.close(), CLOSE_TIMEOUT_MS);
  }

  private async within(work: () => Promise<void>, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, timeoutMs));
    });
    try {
      await Promise.race([work(), expired]);
    } catch (error) {
      this.options.onError?.(error);
    } finally {
      clearTimeout(timer);
    }
  }
}
