import { randomUUID } from 'node:crypto';

/** Something that the demo saw and did not expect; it ends the story with exit code 1. */
export class UnexpectedError extends Error {
  override readonly name = 'UnexpectedError';
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Tells a story over HTTP: each step says what it does, what it sees, and ends the story where that is not as expected. */
export class Story {
  private steps = 0;

  constructor(
    private readonly gatewayUrl: string,
    private readonly print: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
  ) {}

  get stepCount(): number {
    return this.steps;
  }

  chapter(title: string): void {
    this.steps += 1;
    this.print(`\n${this.steps}. ${title}`);
  }

  see(line: string): void {
    this.print(`   ${line}`);
  }

  expect(holds: boolean, what: string): asserts holds {
    if (!holds) throw new UnexpectedError(what);
    this.see(`✓ ${what}`);
  }

  async send(
    method: string,
    path: string,
    options: { key?: string; json?: unknown; body?: Uint8Array; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.gatewayUrl}${path}`, {
      method,
      headers: {
        ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.key ? { authorization: `Bearer ${options.key}` } : {}),
        ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
        ...options.headers,
      },
      body: options.json === undefined ? options.body : JSON.stringify(options.json),
      signal: AbortSignal.timeout(30_000),
    });
    const type = response.headers.get('content-type') ?? '';
    const body = type.includes('json') ? await response.json() : new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, body };
  }

  /** Sends and expects this status; the refusal's own words are shown where another comes. */
  async ask<T>(status: number, ...request: Parameters<Story['send']>): Promise<T & { readonly headers: Headers }> {
    const answer = await this.send(...request);
    if (answer.status !== status)
      throw new UnexpectedError(
        `${request[0]} ${request[1]} answered ${answer.status} instead of ${status}: ${JSON.stringify(answer.body).slice(0, 300)}`,
      );
    return { ...(answer.body as T), headers: answer.headers };
  }

  /** Asks until the answer satisfies `holds`, at most `timeoutMs`. */
  async until<T>(what: string, timeoutMs: number, attempt: () => Promise<T | undefined>): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const found = await attempt();
      if (found !== undefined) return found;
      if (performance.now() > end) throw new UnexpectedError(`not within ${timeoutMs / 1000} s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
