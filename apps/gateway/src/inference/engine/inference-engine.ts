import type { DataLocationPolicy, NodeId, TransferTicket } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import type { Budget } from './budget.js';
import type {
  CataloguePort,
  ContentPort,
  GrantPort,
  PolicyPort,
  PricePort,
  Reserved,
  ReservePort,
  RunnerAnswer,
  RunnerChoice,
  RunnersPort,
  UsagePort,
} from './inference.ports.js';
import { Metering } from './metering.js';
import { refusalOf } from './runner-refusal.js';

export interface InferenceRequest {
  readonly personId: string;
  readonly homeRegion: string;
  readonly policy: DataLocationPolicy;
  readonly model: string;
  readonly version?: string;
  readonly form: 'tensors' | 'text';
  readonly contentType: string;
  readonly headerLength?: string;
  readonly body: Uint8Array;
  /** What the price counts: the person's input, not its envelope. */
  readonly inputBytes: number;
  /** Names the usage; given again after a crash, so that nothing is charged twice. */
  readonly usageId: string;
  /** Whether `usageId` is given again when the request is: under an Idempotency-Key. */
  readonly repeatable: boolean;
  /** Whether whoever asked has hung up. */
  readonly gone: () => boolean;
}

export interface InferenceOutcome {
  readonly answer: RunnerAnswer;
  readonly runner: RunnerChoice;
  readonly amountMicro: bigint;
  readonly asset: string;
  readonly attempts: number;
}

export interface InferencePorts {
  readonly runners: RunnersPort;
  readonly catalogue: CataloguePort;
  readonly reserve: ReservePort;
  readonly content: ContentPort;
  readonly grants: GrantPort;
  readonly usage: UsagePort;
  readonly prices: PricePort;
  readonly policy: PolicyPort;
  readonly budget: Budget;
}

/** Nothing ran: another runner may be asked. */
const retryable = new Set([
  'node_unreachable',
  'no_node_available',
  'overloaded',
  'shutting_down',
  'model_not_ready',
  'model_unknown',
  'transfer_token_invalid',
  'memory_exhausted',
]);
/** At the reservation even a lost answer is harmless: no content was sent. */
const retryableAtReserve = new Set([...retryable, 'deadline_exceeded', 'model_server_unavailable', 'model_crashed']);

/** A conclusion about one runner: its answer, or why it gave none and whether anything may have run. */
type Attempt =
  | { readonly answer: RunnerAnswer; readonly runner: RunnerChoice }
  | { readonly error: unknown; readonly admitted: boolean; readonly again: boolean; readonly nodeId: NodeId };

/**
 * One inference in this cluster (walk a): price, budget, grant, reservation at a runner, content by HTTP, durable usage,
 * answer. At most two runners are tried, the second only when nothing ran at the first.
 */
export class InferenceEngine {
  private readonly now: () => Date;

  constructor(
    private readonly ports: InferencePorts,
    private readonly options: { readonly timeoutMs: number; readonly now?: () => Date },
  ) {
    this.now = options.now ?? (() => new Date());
  }

  async infer(request: InferenceRequest): Promise<InferenceOutcome> {
    const { budget, grants, prices, usage } = this.ports;
    let choice = await this.first(request);
    const price = await prices.priceOf(request.model, request.inputBytes);
    const reservation = await budget.reserve(request.personId, price.amountMicro);
    const metering = new Metering(request, reservation, price.amountMicro, { usage, budget, now: this.now });
    let admitted = false;
    try {
      const grant = await grants.inferenceGrant(request.personId, request.policy);
      const tried: NodeId[] = [];
      for (let attempts = 1; ; attempts++) {
        const attempt = await this.attempt(request, choice, grant, metering);
        if ('answer' in attempt) {
          await metering.succeeded(request.gone() ? 'abandoned' : 'answered');
          const { answer, runner } = attempt;
          return { answer, runner, amountMicro: price.amountMicro, asset: price.asset, attempts };
        }
        admitted ||= attempt.admitted;
        tried.push(attempt.nodeId);
        const next = attempt.again && attempts === 1 && !request.gone() ? this.second(request, tried) : undefined;
        if (!next) throw await this.soon(request, attempt.error);
        choice = next;
      }
    } catch (error) {
      await metering.failed(admitted);
      throw error;
    }
  }

  /** Nobody serves a model for a moment while its runner starts again: that is another answer than one nobody knows. */
  private async first(request: InferenceRequest): Promise<RunnerChoice> {
    try {
      return this.choose(request, []);
    } catch (error) {
      throw await this.soon(request, error);
    }
  }

  /** What a runner that has just started does not know yet, the catalogue may: then it is a matter of moments. */
  private async soon(request: InferenceRequest, error: unknown): Promise<unknown> {
    if (!isWatershedError(error, 'model_unknown')) return error;
    if (!(await this.ports.catalogue.distributes(request.model, request.version))) return error;
    return new WatershedError('model_not_ready', `${request.model} is served by no runner now. Try again shortly.`, {
      retryAfterMs: 1_000,
    });
  }

  private choose(request: InferenceRequest, except: readonly NodeId[]): RunnerChoice {
    const verdict = this.ports.runners.pick({ model: request.model, version: request.version, except });
    if (verdict.runner) {
      this.ports.policy.assertInference(request.policy, request.homeRegion, verdict.runner.region);
      return verdict.runner;
    }
    const named = request.version ? `${request.model} ${request.version}` : request.model;
    throw verdict.known
      ? new WatershedError('model_not_ready', `${named} is being loaded. Try again shortly.`, { retryAfterMs: 1_000 })
      : new WatershedError('model_unknown', `No runner here serves ${named}. See GET /v1/models.`);
  }

  private second(request: InferenceRequest, tried: readonly NodeId[]): RunnerChoice | undefined {
    try {
      return this.choose(request, tried);
    } catch {
      return undefined; // nobody else: the first refusal says more than "nobody"
    }
  }

  private async attempt(
    request: InferenceRequest,
    runner: RunnerChoice,
    grant: string,
    metering: Metering,
  ): Promise<Attempt> {
    const { nodeId } = runner;
    const { usageId: taskId, model, version, form } = request;
    const item = { taskId, grant, sizeBytes: request.body.byteLength, model, version, form };
    let reserved: Reserved;
    let attempt: Attempt;
    try {
      reserved = await this.ports.reserve.reserve(nodeId, item);
      metering.begin();
      attempt = await this.send(request, runner, reserved.ticket);
      if (reserved.ahead && 'error' in attempt && ticketIsStale(attempt.error)) {
        reserved = await this.ports.reserve.reserve(nodeId, item, true);
        attempt = await this.send(request, runner, reserved.ticket);
      }
    } catch (error) {
      return { error, admitted: false, again: hasCode(error, retryableAtReserve), nodeId };
    }
    return attempt;
  }

  private async send(request: InferenceRequest, runner: RunnerChoice, ticket: TransferTicket): Promise<Attempt> {
    const { content, runners } = this.ports;
    const { nodeId } = runner;
    const started = performance.now();
    runners.begin(nodeId);
    let answer: RunnerAnswer;
    try {
      answer = await content.send(ticket, request, this.options.timeoutMs);
    } catch (error) {
      runners.report(nodeId, { ok: false, latencyMs: performance.now() - started });
      // A connection that broke may have broken after the runner had read everything: only a refused one ran nothing.
      return { error, admitted: true, again: isRefusedConnection(error), nodeId };
    }
    runners.report(nodeId, { ok: true, latencyMs: performance.now() - started });
    if (answer.status < 400) return { answer, runner };
    const error = refusalOf(answer);
    return { error, admitted: true, again: hasCode(error, retryable), nodeId };
  }
}

/** The runner started anew since it gave the ticket: nothing ran. */
const ticketIsStale = (error: unknown) =>
  isWatershedError(error, 'transfer_token_invalid') || isRefusedConnection(error);

function hasCode(error: unknown, codes: ReadonlySet<string>): boolean {
  return isWatershedError(error) && codes.has(error.code);
}

function isRefusedConnection(error: unknown): boolean {
  let cause: unknown = error;
  for (let depth = 0; typeof cause === 'object' && cause !== null && depth < 4; depth++) {
    if ('code' in cause && (cause.code === 'ECONNREFUSED' || cause.code === 'UND_ERR_CONNECT_TIMEOUT')) return true;
    cause = 'cause' in cause ? cause.cause : undefined;
  }
  return false;
}
