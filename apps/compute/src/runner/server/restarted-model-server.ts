import { WatershedError } from '#errors';
import { Backoff } from './backoff.js';

/** One run of a server, from its first answer to its end. */
export interface ServerRun {
  readonly url: string;
  readonly metricsUrl: string;
  /** Resolves when its process is gone, with how it ended. */
  readonly ended: Promise<string>;
}

export interface RestartedModelServerOptions {
  readonly backoff?: Backoff;
  readonly logger: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/**
 * What the supervisors of our own servers share: a server starts when it is first needed, and again, ever more slowly,
 * whenever it dies. While it waits to be started again nobody may jump the queue: the wait is what protects the machine.
 */
export abstract class RestartedModelServer<Run extends ServerRun> {
  protected running: Run | undefined;
  private starting: Promise<string> | undefined;
  private restart: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly listeners = new Set<() => void>();
  private readonly modelListeners = new Set<() => void>();
  private readonly backoff: Backoff;

  constructor(private readonly common: RestartedModelServerOptions) {
    this.backoff =
      common.backoff ??
      new Backoff({ firstMs: 20, longestMs: 10_000, resetAfterMs: 60_000, random: () => Math.random() });
  }

  /** Resolves when it answers. What it started is gone when it rejects. */
  protected abstract launch(): Promise<Run>;
  /** Lets what is under way be answered for a while, then ends it and all its processes. */
  protected abstract halt(run: Run): Promise<void>;

  url(): string | undefined {
    return this.running?.url;
  }

  metricsUrl(): string | undefined {
    return this.running?.metricsUrl;
  }

  async ensure(): Promise<string> {
    if (this.running) return this.running.url;
    if (this.closed) throw unavailable('The runner is shutting down.');
    if (this.restart) throw unavailable('The model server died and is being started again.');
    this.starting ??= this.start().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  onGone(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  onModelDied(listener: () => void): () => void {
    this.modelListeners.add(listener);
    return () => this.modelListeners.delete(listener);
  }

  protected modelDied(): void {
    for (const listener of this.modelListeners) listener();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.restart) clearTimeout(this.restart);
    this.restart = undefined;
    await this.starting?.catch(() => undefined); // whoever asked for it was told
    const run = this.running;
    this.running = undefined;
    if (run) await this.halt(run);
  }

  private async start(): Promise<string> {
    const startedAt = performance.now();
    try {
      const run = await this.launch();
      this.running = run;
      void run.ended.then((how) => this.gone(run, how, performance.now() - startedAt));
      this.common.logger.info({ url: run.url }, 'model server started');
      return run.url;
    } catch (cause) {
      if (!this.closed) this.restartLater(performance.now() - startedAt);
      throw unavailable('The model server could not be started.', cause);
    }
  }

  private gone(run: Run, how: string, upMs: number): void {
    if (this.running !== run) return;
    this.running = undefined;
    if (this.closed) return;
    this.common.logger.warn({ how }, 'the model server died and is started again');
    this.restartLater(upMs);
    for (const listener of this.listeners) listener();
  }

  private restartLater(upMs: number): void {
    if (this.restart) return;
    this.restart = setTimeout(() => {
      this.restart = undefined;
      // A start that fails plans the next one itself.
      this.ensure().then(
        () => undefined,
        (error: unknown) => this.common.logger.warn({ err: error }, 'the model server did not start'),
      );
    }, this.backoff.next(upMs));
  }
}

const unavailable = (message: string, cause?: unknown) =>
  new WatershedError('model_server_unavailable', message, { retryAfterMs: 1_000, cause });
