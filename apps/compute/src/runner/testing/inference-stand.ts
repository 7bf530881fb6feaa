import type { GrantClaims, ParsedRequestOf, runnerReserve, TransferTicket } from '#contracts';
import { WatershedError } from '#errors';
import { repositoryName } from '#model-repository';
import { TransferTokens } from '#transfer';
import { Admission } from '../inference/engine/admission.js';
import { type Booking, InferenceDesk } from '../inference/engine/inference-desk.js';
import { InferenceEngine } from '../inference/engine/inference-engine.js';
import { InferenceHttpServer, inferencePath } from '../inference/inference-http.server.js';
import { MemoryBudget } from '../model/engine/memory-budget.js';
import type { BlobPort, ModelHost, ModelTrust } from '../model/engine/model.ports.js';
import { ModelLifecycle } from '../model/engine/model-lifecycle.js';
import { InlineModelHost, type ModelHostOptions } from '../model/repository-model-host.adapter.js';
import type { ModelServerSupervisor } from '../server/model-server.port.js';
import { ModelServerWatch } from '../server/model-server-watch.js';
import { StallWatch } from '../server/stall-watch.js';
import { TritonModelServer } from '../server/triton-model-server.adapter.js';

export const gatewayId = 'G'.repeat(43);
const uuid = '01890000-0000-7000-8000-000000000002';

/** Claims of a grant for an inference in `EU/FR`. */
export const claims = (change: Partial<GrantClaims> = {}): GrantClaims => ({
  iss: gatewayId,
  aud: 'C'.repeat(43),
  sub: uuid,
  action: 'infer',
  policy: {
    allowedRegions: ['EU/FR'],
    crossBorderAllowed: false,
    encryptionRequired: false,
    retention: { deleteOnRevoke: false, legalHold: false },
  },
  jti: uuid,
  iat: 0,
  exp: 60,
  ...change,
});

export interface StandOptions {
  readonly supervisor: ModelServerSupervisor;
  readonly capacity?: number;
  readonly inferTimeoutMs?: number;
  readonly controlTimeoutMs?: number;
  /** Between two looks at the server while all is well; default 200 ms. */
  readonly watchIntervalMs?: number;
  readonly maxBodyBytes?: number;
  /** What the models served may be another now. */
  readonly changed?: () => void;
  /** Where models are put; into load requests when absent. */
  readonly host?: (options: ModelHostOptions) => ModelHost;
  readonly blobs?: BlobPort;
  readonly verifyFile?: ModelTrust['verifyFile'];
}

/** A runner's inference path without the bus: desk, HTTP server, engine and lifecycle over a given model server. */
export async function inferenceStand(options: StandOptions) {
  const now = () => performance.now();
  const inferTimeoutMs = options.inferTimeoutMs ?? 10_000;
  const steps: StallWatch = new StallWatch({
    limitMs: inferTimeoutMs,
    stalled: (name, version) => models.hung(name, version),
    now,
  });
  const server = new TritonModelServer({
    supervisor: options.supervisor,
    connections: 32,
    controlTimeoutMs: options.controlTimeoutMs ?? 2_000,
    maxAnswerBytes: 10_000_000,
    steps,
  });
  const logger = { info: () => undefined, warn: () => undefined };
  const hostOptions = { server, supervisor: options.supervisor, servedName: repositoryName, loadTimeoutMs: 10_000 };
  const host =
    options.host?.(hostOptions) ??
    new InlineModelHost(
      hostOptions,
      1_000_000,
      () => '{}',
      async () => new Uint8Array(8),
    );
  const models: ModelLifecycle = new ModelLifecycle({
    host,
    blobs: options.blobs ?? { obtain: async () => '/nowhere', release: () => undefined },
    trust: { verifyPapers: async () => undefined, verifyFile: options.verifyFile ?? (async () => undefined) },
    budget: new MemoryBudget(1_000_000_000),
    servedName: repositoryName,
    mayRunHere: () => true,
    answerWithinMs: 10_000,
    drainLimitMs: inferTimeoutMs,
    changed: options.changed,
    now,
    logger,
  });
  const watch = new ModelServerWatch({
    lifecycle: models,
    server,
    supervisor: options.supervisor,
    intervalMs: options.watchIntervalMs ?? 200,
    eagerMs: 20,
    logger,
  });
  const engine = new InferenceEngine({
    server,
    ended: (entry, generation, end) => models.ended(entry, generation, end),
    unreachable: () => watch.soon(),
  });
  const capacity = options.capacity ?? 100;
  const admission = new Admission({ capacity, capacityBytes: 100_000_000, ticketLifetimeMs: 30_000, now });
  const tokens = new TransferTokens<Booking>({ capacity: capacity + 10 });
  const internal: unknown[] = [];
  const http = new InferenceHttpServer({
    host: '127.0.0.1',
    port: 0,
    engine,
    redeem: (token) => tokens.redeemTransfer(token),
    admission,
    inferTimeoutMs,
    bodyTimeoutMs: 5_000,
    observe: () => undefined,
    onInternalError: (error) => internal.push(error),
  });
  const origin = `http://127.0.0.1:${await http.listen()}`;
  const desk = new InferenceDesk({
    admission,
    find: (model, version) => models.find(model, version),
    verifyGrant: async (grant) => {
      if (grant === 'good') return claims();
      if (grant === 'abroad') return claims({ policy: { ...claims().policy, allowedRegions: ['AP/JP'] } });
      if (grant === 'theirs') return claims({ iss: 'H'.repeat(43) });
      throw new WatershedError('grant_invalid', 'The grant is refused.');
    },
    judge: ({ policy }) =>
      policy.allowedRegions.includes('EU/FR') ? undefined : new WatershedError('policy_forbids', 'not here'),
    issue: (booking, maxBytes, count) => tokens.issueMany({ bind: booking, maxBytes }, count),
    outstanding: () => tokens.size,
    aheadCapacity: 10,
    url: () => `${origin}${inferencePath}`,
    maxBodyBytes: options.maxBodyBytes ?? 1_000_000,
  });
  const asked = async (item: Omit<ParsedRequestOf<typeof runnerReserve>['items'][number], 'taskId' | 'grant'>) => {
    const [answer] = await desk.reserve({ grants: ['good'], items: [{ taskId: uuid, grant: 0, ...item }] }, gatewayId);
    if (!answer) throw new Error('no answer');
    return answer;
  };
  const reserve = async (sizeBytes: number, form: 'tensors' | 'text' = 'tensors', model = 'org/sample') => {
    const answer = await asked({ sizeBytes, form, model });
    if ('tokens' in answer) throw new Error('a book, and nobody asked for one');
    return answer;
  };
  /** Tickets ahead, for tensors. */
  const reserveAhead = async (sizeBytes: number, ahead: number) => {
    const answer = await asked({ sizeBytes, form: 'tensors', model: 'org/sample', ahead });
    if ('token' in answer) throw new Error('one ticket where a book was asked for');
    if ('refusal' in answer) return answer;
    return answer.tokens.map((token): TransferTicket => ({ url: answer.url, token, maxBytes: answer.maxBytes }));
  };
  return {
    admission,
    desk,
    engine,
    http,
    internal,
    models,
    server,
    watch,
    origin,
    reserve,
    reserveAhead,
    /** A ticket, and the content sent to it. */
    async infer(body: string | Uint8Array, headers: Record<string, string> = {}, form: 'tensors' | 'text' = 'tensors') {
      const bytes = Buffer.from(body);
      const ticket = await reserve(bytes.byteLength, form);
      if ('refusal' in ticket) throw WatershedError.fromWire(ticket.refusal);
      return send(ticket, bytes, headers);
    },
    async close() {
      await http.close();
      await watch.close();
      await models.close();
      await server.close();
      await options.supervisor.close();
    },
  };
}

export async function send(ticket: TransferTicket, body: Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(ticket.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ticket.token}`, ...headers },
    body: Buffer.from(body),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type') === 'application/json';
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    json: isJson ? (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>) : {},
  };
}
