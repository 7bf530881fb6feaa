import type { Server } from 'node:http';

const SWEEP_MS = 50;
/** So many looks in a row must find nothing in flight: a request that has just arrived is still answered. */
const QUIET_SWEEPS = 2;

/**
 * Ends a server's connections. `http.Server.close` waits for every connection that it does not take for idle, and one
 * that has never sent a request (browsers and proxies open some ahead) counts as busy until its header timeout, half a
 * minute later. Which requests are in flight is therefore counted here.
 */
export class HttpStop {
  private inFlight = 0;

  constructor(private readonly server: Server) {
    server.on('request', (_request, response) => {
      this.inFlight += 1;
      response.once('close', () => {
        this.inFlight -= 1;
      });
    });
  }

  /** Cuts idle connections while `closing` waits for requests in flight, and all others when the last is answered. */
  async whenAnswered(closing: Promise<unknown>): Promise<void> {
    let quiet = 0;
    await this.sweepUntil(closing, () => {
      quiet = this.inFlight === 0 ? quiet + 1 : 0;
      if (quiet >= QUIET_SWEEPS) this.server.closeAllConnections();
      else this.server.closeIdleConnections();
    });
  }

  /** Cuts every connection until `closing` is through, whatever it carries. */
  async now(closing: Promise<unknown>): Promise<void> {
    await this.sweepUntil(closing, () => this.server.closeAllConnections());
  }

  private async sweepUntil(closing: Promise<unknown>, sweep: () => void): Promise<void> {
    sweep();
    const timer = setInterval(sweep, SWEEP_MS);
    try {
      await closing;
    } finally {
      clearInterval(timer);
    }
  }
}
