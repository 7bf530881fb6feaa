import { request as httpRequest } from 'node:http';
import { differences } from './compare-answers.js';
import { backendDeviations, type Deviation, deviations, realServerOnly } from './deviations.js';
import { type Answer, bodyOf, type Exchange, fixtures, recordedAnswer } from './recordings.js';

export interface ContractOptions {
  /** `triton`: a real server, held to every recording; `embedded`: ours, which runs no Python. Each may deviate as listed. */
  readonly server: 'embedded' | 'triton';
  /** Where `/metrics` is; absent: beside everything else. */
  readonly metricsUrl?: string;
}

export type ContractOutcome = 'agrees' | 'deviates-as-required' | 'differs' | 'real-server-only';

export interface ContractResult {
  readonly name: string;
  readonly outcome: ContractOutcome;
  /** What differs, or why the deviation is required. */
  readonly detail: readonly string[];
}

/** Sends one request as it was recorded, adding no header of its own but the length. */
export function exchangeWith(
  url: string,
  { method, headers }: { method: string; headers: Readonly<Record<string, string>> },
  body: Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = method === 'GET' && body.byteLength === 0 ? {} : { 'Content-Length': String(body.byteLength) };
    const sent = httpRequest(url, { method, headers: { ...length, ...headers }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(flat), body: Buffer.concat(chunks) });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/**
 * Replays the recordings against a server that serves `fixtures().models` with nothing loaded, and says of each how the
 * answer compares. Statuses, structure, states and numbers must agree; wording, times and counts are free.
 */
export async function runContract(baseUrl: string, options: ContractOptions): Promise<ContractResult[]> {
  const stage = new Stage(baseUrl, options.server === 'triton');
  const results: ContractResult[] = [];
  for (const exchange of fixtures().exchanges) {
    if (options.server === 'embedded' && realServerOnly.includes(exchange.name)) {
      results.push({ name: exchange.name, outcome: 'real-server-only', detail: [] });
      continue;
    }
    await stage.before(exchange.name);
    const answer = (await stage.answerOf(exchange.name)) ?? (await send(baseUrl, exchange, options));
    results.push(judge(exchange, answer, options));
  }
  return results;
}

function send(baseUrl: string, { request }: Exchange, { metricsUrl }: ContractOptions): Promise<Answer> {
  const url = request.path === '/metrics' && metricsUrl !== undefined ? metricsUrl : `${baseUrl}${request.path}`;
  return exchangeWith(url, request, bodyOf(request.body));
}

/** What is required of a server instead of what was recorded. */
export const deviationsOf = (server: ContractOptions['server']): readonly Deviation[] =>
  server === 'embedded' ? deviations : backendDeviations;

function judge(exchange: Exchange, answer: Answer, { server }: ContractOptions): ContractResult {
  const { name } = exchange;
  const deviation = deviationsOf(server).find((own) => own.name === name);
  if (deviation) return judgeDeviation(deviation, answer);
  const detail = differences(exchange.request.path, recordedAnswer(exchange), answer);
  return { name, outcome: detail.length === 0 ? 'agrees' : 'differs', detail };
}

function judgeDeviation({ name, status, why }: Deviation, answer: Answer): ContractResult {
  const body = answer.body.toString('utf8');
  const right = answer.status === status && /^\{"error":"[^"]/.test(body);
  if (right) return { name, outcome: 'deviates-as-required', detail: [why] };
  return { name, outcome: 'differs', detail: [`status ${answer.status} instead of ${status}: ${body.slice(0, 200)}`] };
}

/** What stood between the recorded exchanges: waits for unloads, and what the Python models did meanwhile. */
class Stage {
  private loading: Promise<Answer> | undefined;
  private inFlight: Promise<Answer> | undefined;

  constructor(
    private readonly baseUrl: string,
    private readonly python: boolean,
  ) {}

  async before(name: string): Promise<void> {
    // An unload answers at once; the recording went on when it was done.
    if (name === 'index after the unloads') {
      for (const model of ['add_one', 'text_echo']) await this.untilState(model, 'UNAVAILABLE');
    }
    if (this.python) await this.beforeWithPython(name);
  }

  private async beforeWithPython(name: string): Promise<void> {
    if (name === 'index while slow loads') {
      this.loading = this.post('/v2/repository/models/slow/load');
      await this.untilState('slow', 'LOADING');
    } else if (name === 'index') {
      await this.loading;
      await this.post('/v2/repository/models/gen/load');
    } else if (name === 'unload with a request in flight') {
      const { request } = this.recorded('a request in flight when its model is unloaded');
      this.inFlight = exchangeWith(`${this.baseUrl}${request.path}`, request, bodyOf(request.body));
      await this.untilPending('slow');
    } else if (name === 'unload') await this.untilState('slow', 'UNAVAILABLE');
  }

  async answerOf(name: string): Promise<Answer | undefined> {
    return name === 'a request in flight when its model is unloaded' ? this.inFlight : undefined;
  }

  private recorded(name: string): Exchange {
    const found = fixtures().exchanges.find((exchange) => exchange.name === name);
    if (!found) throw new Error(`no recording named '${name}'`);
    return found;
  }

  private post(path: string): Promise<Answer> {
    return exchangeWith(`${this.baseUrl}${path}`, { method: 'POST', headers: {} }, Buffer.alloc(0));
  }

  private async untilState(model: string, state: string): Promise<void> {
    await this.until(async () => {
      const answer = await this.post('/v2/repository/index');
      const entries = JSON.parse(answer.body.toString('utf8')) as { name: string; state?: string }[];
      return entries.filter((entry) => entry.name === model).every((entry) => entry.state === state);
    }, `${model} to be ${state}`);
  }

  /** From outside nothing tells that a request runs; it was sent before one that the server has answered. */
  private async untilPending(model: string): Promise<void> {
    await this.until(async () => {
      const answer = await exchangeWith(
        `${this.baseUrl}/v2/models/${model}/ready`,
        { method: 'GET', headers: {} },
        Buffer.alloc(0),
      );
      return answer.status === 200;
    }, `${model} to be busy`);
  }

  private async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    let met = false;
    let failure: unknown;
    while (!met) {
      if (failure !== undefined) throw failure;
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
      // Not one question after the other: one that comes in the instant in which a load begins is answered when it is over.
      condition().then(
        (is) => {
          met ||= is;
        },
        (error: unknown) => {
          failure = error;
        },
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
