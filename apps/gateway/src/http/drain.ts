import type { Server as HttpServer } from 'node:http';
import { Server as NetServer } from 'node:net';

/** Counts requests in flight, so that stopping loses none of them. */
export class Drain {
  private inFlight = 0;
  private started = false;
  private opened = false;
  private waiters: (() => void)[] = [];

  get draining(): boolean {
    return this.started;
  }

  /** Whether the start has come to its end: joined, the operator's key in its file. */
  get open(): boolean {
    return this.opened;
  }

  markOpen(): void {
    this.opened = true;
  }

  get requestsInFlight(): number {
    return this.inFlight;
  }

  enter(): void {
    this.inFlight++;
  }

  leave(): void {
    this.inFlight--;
    if (this.inFlight === 0) for (const resolve of this.waiters.splice(0)) resolve();
  }

  /** From now on `/health/ready` refuses and every answer closes its connection. */
  start(): void {
    this.started = true;
  }

  /** Resolves when no request is in flight; at the latest after `limitMs`. */
  async idle(limitMs: number): Promise<boolean> {
    if (this.inFlight === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), limitMs);
    });
    const idle = new Promise<boolean>((resolve) => this.waiters.push(() => resolve(true)));
    const outcome = await Promise.race([idle, limit]);
    clearTimeout(timer);
    return outcome;
  }
}

/**
 * Stops listening without touching connections that are open: a client that is about to send on one of them is still
 * answered, with `Connection: close`. (`http.Server.close` would cut idle connections, with requests on their way.)
 * Resolves when the last connection has ended, at the latest after `lingerMs`.
 */
export async function stopAccepting(server: HttpServer, lingerMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, lingerMs);
    NetServer.prototype.close.call(server, () => resolve());
  });
  clearTimeout(timer);
  server.closeIdleConnections();
}
