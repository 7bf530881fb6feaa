import type { NodeId, ServiceName } from '#contracts';
import type { Caller } from './bus.types.js';

/** A call being executed. Its signal, with the timer behind it, is made only for handlers that look at it. */
export class CallContext implements Caller {
  private controller: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  private aborted = false;

  constructor(
    readonly nodeId: NodeId,
    readonly services: readonly ServiceName[],
    readonly deadline: number,
  ) {}

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.aborted) this.controller.abort();
      else this.timer = setTimeout(() => this.abort(), Math.max(0, this.deadline - performance.now()));
    }
    return this.controller.signal;
  }

  abort(): void {
    this.aborted = true;
    this.finish();
    this.controller?.abort();
  }

  /** The call is answered: nothing will abort it any more. */
  finish(): void {
    clearTimeout(this.timer);
  }
}
