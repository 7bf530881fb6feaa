import { connect, type Socket } from 'node:net';

export interface Target {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const endOfHead = '\r\n\r\n';

/**
 * Asks one thing again and again over one connection, each time when the answer before has come. Plain `node:net`: on a
 * machine of two cores who measures shares the caches with who is measured, and an HTTP client's code and streams put a
 * quarter of a millisecond on each answer of ours.
 */
export class LoneCaller {
  private readonly request: Buffer;
  private waiting: { resolve(): void; reject(error: Error): void } | undefined;
  /** Bytes of the answer that are still to come; undefined until its head is read. */
  private left: number | undefined;
  private head: Buffer = Buffer.alloc(0);
  private broken: Error | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly target: Target,
  ) {
    const { pathname, host } = new URL(target.url);
    const headers = { host, ...target.headers, 'content-length': Buffer.byteLength(target.body) };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.request = Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${target.body}`);
    socket.setNoDelay();
    socket.setTimeout(30_000, () => this.fail(new Error(`${target.url} did not answer within 30 s`)));
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error(`${target.url} closed the connection`)));
  }

  static connect(target: Target): Promise<LoneCaller> {
    const { hostname, port } = new URL(target.url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.once('error', reject);
      socket.once('connect', () => resolve(new LoneCaller(socket, target)));
    });
  }

  /** Resolves when the answer has come whole. Rejects where it is no 200. */
  ask(): Promise<void> {
    if (this.broken) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(this.request);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    if (this.left === undefined) {
      this.head = this.head.byteLength === 0 ? chunk : Buffer.concat([this.head, chunk]);
      const end = this.head.indexOf(endOfHead);
      if (end < 0) return;
      const head = this.head.toString('latin1', 0, end);
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) {
        this.fail(new Error(`${this.target.url} answered ${head.split('\r\n', 1)[0]}, or without a length`));
        return;
      }
      this.left = Number(length) + end + endOfHead.length - this.head.byteLength;
      this.head = Buffer.alloc(0);
    } else {
      this.left -= chunk.byteLength;
    }
    if (this.left > 0) return;
    this.left = undefined;
    this.waiting?.resolve();
  }

  private fail(error: Error): void {
    this.broken ??= error;
    this.waiting?.reject(error);
    this.socket.destroy();
  }
}
