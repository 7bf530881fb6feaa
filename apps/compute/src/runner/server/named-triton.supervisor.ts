import type { ModelServerSupervisor } from './model-server.port.js';

/** A Triton that the operator runs: it has an address, and its process is not ours to start or kill. */
export class NamedTriton implements ModelServerSupervisor {
  readonly kind = 'triton';

  constructor(
    private readonly address: string,
    private readonly metrics: string,
  ) {}

  url(): string {
    return this.address;
  }

  metricsUrl(): string {
    return this.metrics;
  }

  async ensure(): Promise<string> {
    return this.address;
  }

  /** Nobody tells us when it goes; the watch finds out. */
  onGone(): () => void {
    return () => undefined;
  }

  onModelDied(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {}
}
