import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { internalNetworkOf } from '#config';

/** A refusal of the gateway, or of this command line itself, in one line with the stable code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    readonly code = 'usage',
    readonly status?: number,
  ) {
    super(message);
  }
}

export interface ApiSettings {
  readonly url: string;
  readonly dataFolder: string;
  readonly key?: string;
}

interface RequestOptions {
  readonly json?: unknown;
  readonly body?: ReadableStream<Uint8Array> | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly idempotencyKey?: string;
  readonly anonymous?: boolean;
}

/** The gateway's HTTP API with the caller's key: the one named, else the operator's of the data folder. */
export class Api {
  constructor(private readonly settings: ApiSettings) {}

  get url(): string {
    return this.settings.url;
  }

  get dataFolder(): string {
    return this.settings.dataFolder;
  }

  private key(): string {
    if (this.settings.key) return this.settings.key;
    const file = join(this.settings.dataFolder, 'operator', 'api-key');
    if (!existsSync(file))
      throw new CommandError(`No key: set WATERSHED_KEY, or name the cluster's data folder with --data (no ${file}).`);
    return readFileSync(file, 'utf8').trim();
  }

  /** An operator's key must not be read on its way. */
  private refusePlain(): void {
    const { url } = this.settings;
    if (!URL.canParse(url)) throw new CommandError(`"${url}" is no address of a gateway.`);
    if (!internalNetworkOf(process.env).exposes(url)) return;
    throw new CommandError(
      `The key would travel to ${new URL(url).origin} in plain text: name an https address, or the host in WATERSHED_INTERNAL_NETWORK where nobody else can listen.`,
      'plain_text',
    );
  }

  /** @throws CommandError with the problem's code and detail. */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { json, body, headers = {}, idempotencyKey, anonymous } = options;
    if (!anonymous) this.refusePlain();
    let response: Response;
    try {
      response = await fetch(`${this.settings.url}${path}`, {
        method,
        headers: {
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(anonymous ? {} : { authorization: `Bearer ${this.key()}` }),
          ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
          ...headers,
        },
        body: json === undefined ? body : JSON.stringify(json),
        ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
      } as RequestInit);
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new CommandError(
        `No cluster answers at ${this.settings.url} (${reason}): start one with npm start, or name it with --url.`,
        'unreachable',
      );
    }
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    const value: unknown = isJson && text ? JSON.parse(text) : undefined;
    if (response.ok) return value as T;
    const problem = (value ?? {}) as { code?: string; detail?: string; title?: string };
    throw new CommandError(
      `${problem.detail ?? problem.title ?? `the gateway answered ${response.status}`} (${problem.code ?? response.status})`,
      problem.code ?? 'http',
      response.status,
    );
  }

  /** Every page of a listing. */
  async all<Item>(path: string, options: Pick<RequestOptions, 'anonymous'> = {}): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const mark = path.includes('?') ? '&' : '?';
      const page: { items: Item[]; nextCursor?: string } = await this.request(
        'GET',
        `${path}${mark}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
        options,
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    return items;
  }
}
