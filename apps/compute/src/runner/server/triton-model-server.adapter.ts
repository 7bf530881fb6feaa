import { type Dispatcher, Pool, request } from 'undici';
import { z } from 'zod';
import { tensorDatatype } from '#contracts';
import { traceHeaders } from '#telemetry';
import {
  type BinaryBody,
  type LoadRequest,
  type ModelMetadata,
  type ModelServer,
  ModelServerError,
  type ModelServerSupervisor,
  type ModelStatistics,
  type RepositoryEntry,
} from './model-server.port.js';
import type { StallWatch } from './stall-watch.js';

const metadataSchema = z.object({
  name: z.string(),
  versions: z.array(z.string()).default([]),
  platform: z.string().default(''),
  inputs: z.array(z.object({ name: z.string(), datatype: tensorDatatype, shape: z.array(z.coerce.number().int()) })),
  outputs: z.array(z.object({ name: z.string(), datatype: tensorDatatype, shape: z.array(z.coerce.number().int()) })),
});
const serverSchema = z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()).default([]) });
const indexSchema = z.array(
  z.object({
    name: z.string(),
    version: z.string().optional(),
    state: z.string().optional(),
    reason: z.string().optional(),
  }),
);
const countSchema = z.object({ count: z.number() });
const statisticsSchema = z.object({
  model_stats: z
    .array(
      z.object({
        name: z.string(),
        version: z.string(),
        inference_count: z.number(),
        inference_stats: z.object({ success: countSchema, fail: countSchema }),
      }),
    )
    .min(1),
});
const errorSchema = z.object({ error: z.string() });

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface TritonModelServerOptions {
  readonly supervisor: Pick<ModelServerSupervisor, 'url' | 'metricsUrl'>;
  /** Inferences at once, a model; the embedded server and Triton both queue what is beyond their instances. */
  readonly connections: number;
  /** For everything but infer and load. */
  readonly controlTimeoutMs: number;
  /** An answer larger than this is not of a model we would load. */
  readonly maxAnswerBytes: number;
  /** Tells the server by `traceparent` which trace it works for. */
  readonly traced?: boolean;
  /** Told of every inference from when it is sent until the server has answered it, whether or not its caller waited. */
  readonly steps?: Pick<StallWatch, 'began' | 'ended'>;
}

/** Calls that are no inferences have connections of their own, so that a hung model cannot keep us from unloading it. */
const controlPool = '';

const tooLarge = () => new ModelServerError('failed', 'the answer is larger than allowed');

/** The one client of Triton's HTTP API, for a named Triton and for the embedded server alike. */
export class TritonModelServer implements ModelServer {
  /** A pool a model: one that hangs takes its own connections, and nobody else's. */
  private readonly pools = new Map<string, Pool>();
  private origin: string | undefined;

  constructor(private readonly options: TritonModelServerOptions) {}

  async live(): Promise<boolean> {
    return (await this.control('GET', '/v2/health/live')).status === 200;
  }

  async ready(): Promise<boolean> {
    return (await this.control('GET', '/v2/health/ready')).status === 200;
  }

  async serverMetadata() {
    return parsed(serverSchema, await this.checked('GET', '/v2'));
  }

  async modelReady(name: string, version: string): Promise<boolean> {
    return (await this.control('GET', `${pathOf(name, version)}/ready`)).status === 200;
  }

  async metadata(name: string, version: string): Promise<ModelMetadata> {
    return parsed(metadataSchema, await this.checked('GET', pathOf(name, version)));
  }

  async config(name: string): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.checked('GET', `/v2/models/${encodeURIComponent(name)}/config`);
    return parsed(z.record(z.string(), z.unknown()), answer);
  }

  async index(): Promise<readonly RepositoryEntry[]> {
    return parsed(indexSchema, await this.checked('POST', '/v2/repository/index', '{}'));
  }

  async load(name: string, request: LoadRequest, timeoutMs: number): Promise<void> {
    const parameters: Record<string, string> = {};
    if (request.config !== undefined) parameters.config = request.config;
    for (const [path, content] of Object.entries(request.files ?? {}))
      parameters[`file:${path}`] = Buffer.from(content).toString('base64');
    const body = Object.keys(parameters).length > 0 ? JSON.stringify({ parameters }) : '';
    await this.checked('POST', `/v2/repository/models/${encodeURIComponent(name)}/load`, body, timeoutMs);
  }

  async unload(name: string): Promise<void> {
    await this.checked('POST', `/v2/repository/models/${encodeURIComponent(name)}/unload`);
    const pool = this.pools.get(name);
    if (!pool || pool.stats.running + pool.stats.queued > 0) return;
    this.pools.delete(name);
    pool.close().catch(() => undefined);
  }

  giveUp(name: string, why: string): void {
    const pool = this.pools.get(name);
    this.pools.delete(name);
    pool?.destroy(new ModelServerError('crashed', why)).catch(() => undefined);
  }

  async infer(name: string, version: string, request: BinaryBody, timeoutMs: number): Promise<BinaryBody> {
    const { steps } = this.options;
    const headers = {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(request.headerLength),
      ...(this.options.traced ? traceHeaders() : undefined),
    };
    const step = { began: () => steps?.began(name, version), ended: () => steps?.ended(name, version) };
    const path = `${pathOf(name, version)}/infer`;
    const answer = await this.send(name, 'POST', path, headers, request.body, timeoutMs, step);
    if (answer.status !== 200) throw refusalOf(answer);
    const header = answer.headers['inference-header-content-length'];
    const headerLength = header === undefined ? answer.body.byteLength : Number(header);
    if (!Number.isSafeInteger(headerLength) || headerLength < 0 || headerLength > answer.body.byteLength)
      throw new ModelServerError('failed', 'the answer names a header length that it does not have');
    return { headerLength, body: answer.body };
  }

  async statistics(name: string, version: string): Promise<ModelStatistics> {
    const [first] = parsed(statisticsSchema, await this.checked('GET', `${pathOf(name, version)}/stats`)).model_stats;
    if (!first) throw new ModelServerError('failed', 'no statistics in the answer');
    return {
      name: first.name,
      version: first.version,
      inferenceCount: first.inference_count,
      successCount: first.inference_stats.success.count,
      failCount: first.inference_stats.fail.count,
    };
  }

  async metrics(): Promise<string> {
    const url = this.options.supervisor.metricsUrl();
    if (url === undefined) throw new ModelServerError('unreachable', 'there is no model server now');
    try {
      const signal = AbortSignal.timeout(this.options.controlTimeoutMs);
      const answer = await request(url, { signal });
      if (answer.statusCode === 200) return await answer.body.text();
      await answer.body.dump();
      throw new ModelServerError('failed', `its metrics answer ${answer.statusCode}`);
    } catch (error) {
      if (error instanceof ModelServerError) throw error;
      throw new ModelServerError('unreachable', 'its metrics cannot be read', { cause: error });
    }
  }

  async close(): Promise<void> {
    const pools = [...this.pools.values()];
    this.pools.clear();
    this.origin = undefined;
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  private async checked(method: 'GET' | 'POST', path: string, body = '', timeoutMs?: number): Promise<Answer> {
    const answer = await this.control(method, path, body, timeoutMs);
    if (answer.status !== 200) throw refusalOf(answer);
    return answer;
  }

  private control(method: 'GET' | 'POST', path: string, body = '', timeoutMs = this.options.controlTimeoutMs) {
    const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/json' };
    return this.send(controlPool, method, path, headers, body === '' ? null : body, timeoutMs);
  }

  /**
   * `dispatch` without streams in between: this is the runner's hot path. A `step` that was sent is left to its end when its
   * caller's time is over: nothing would stop the model, and only its answer tells that it is not hung.
   */
  private send(
    key: string,
    method: 'GET' | 'POST',
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | string | null,
    timeoutMs: number,
    step?: { began(): void; ended(): void },
  ): Promise<Answer> {
    const pool = this.poolOf(key);
    if (!pool) return Promise.reject(new ModelServerError('unreachable', 'there is no model server now'));
    const { maxAnswerBytes } = this.options;
    return new Promise<Answer>((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined;
      let late = false;
      let sent = false;
      const timer = setTimeout(() => {
        late = true;
        const error = new ModelServerError('timeout', `no answer within ${timeoutMs} ms`);
        if (!step) controller?.abort(error);
        reject(error);
      }, timeoutMs);
      let status = 0;
      let answerHeaders: Answer['headers'] = {};
      const chunks: Buffer[] = [];
      let size = 0;
      pool.dispatch(
        { method, path, headers, body, headersTimeout: 0, bodyTimeout: 0 },
        {
          onRequestStart: (started) => {
            controller = started;
            // It waited for a connection until its deadline had passed: it must not run any more.
            if (late) started.abort(new ModelServerError('timeout', `no connection within ${timeoutMs} ms`));
            else {
              sent = true;
              step?.began();
            }
          },
          onResponseStart: (_, statusCode, responseHeaders) => {
            status = statusCode;
            answerHeaders = responseHeaders;
          },
          onResponseData: (running, chunk) => {
            size += chunk.byteLength;
            if (size > maxAnswerBytes) running.abort(tooLarge());
            else if (!late) chunks.push(chunk);
          },
          onResponseEnd: () => {
            clearTimeout(timer);
            step?.ended();
            const [only] = chunks;
            resolve({
              status,
              headers: answerHeaders,
              body: chunks.length === 1 && only ? only : Buffer.concat(chunks, size),
            });
          },
          onResponseError: (_, error) => {
            clearTimeout(timer);
            if (sent) step?.ended();
            reject(
              error instanceof ModelServerError
                ? error
                : new ModelServerError('unreachable', 'the connection to the model server broke', { cause: error }),
            );
          },
        },
      );
    });
  }

  /** Connections to where the server is now; those to where it was are given up. */
  private poolOf(key: string): Pool | undefined {
    const url = this.options.supervisor.url();
    if (url !== this.origin) {
      // Whatever still waits there waits for a server that is gone.
      for (const old of this.pools.values()) old.destroy().catch(() => undefined);
      this.pools.clear();
      this.origin = url;
    }
    if (url === undefined) return undefined;
    let pool = this.pools.get(key);
    if (!pool) {
      pool = new Pool(url, { connections: this.options.connections, pipelining: 1 });
      this.pools.set(key, pool);
    }
    return pool;
  }
}

const pathOf = (name: string, version: string): string =>
  `/v2/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;

function parsed<Schema extends z.ZodType>(schema: Schema, answer: Answer): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(answer.body.toString('utf8'));
  } catch (cause) {
    throw new ModelServerError('failed', 'the answer is not JSON', { cause });
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new ModelServerError('failed', 'the answer has another form', { cause: result.error });
  return result.data;
}

// No server of the protocol has a status of its own for it, so it is told by its words: those of the embedded server for
// a process that ended under a request, and those of a real Triton for the stub of a Python-based backend.
const diedWords = /^model '[^']*' failed: |stub process|is not healthy/i;

function refusalOf(answer: Answer): ModelServerError {
  let message = '';
  try {
    message = errorSchema.parse(JSON.parse(answer.body.toString('utf8'))).error;
  } catch {
    message = 'no reason given'; // some refusals have no body
  }
  const { status } = answer;
  if (status >= 500 && diedWords.test(message)) return new ModelServerError('crashed', message, { status });
  if (status === 404 || (status === 503 && /not at ready state|not found|no available/i.test(message)))
    return new ModelServerError('not_ready', message, { status });
  if (status === 503) return new ModelServerError('busy', message, { status });
  if (status >= 400 && status < 500) return new ModelServerError('refused', message, { status });
  return new ModelServerError('failed', message, { status });
}
