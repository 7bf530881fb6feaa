import { Readable } from 'node:stream';
import type { MethodHandler, PayloadInputOf } from '#bus';
import {
  type BusBroadcast,
  type BusMethod,
  type NodeEntry,
  type NodeId,
  type PayloadOf,
  type PublicJwk,
  type RequestOf,
  type ResponseOf,
  type TransferTicket,
} from '#contracts';
import { WatershedError } from '#errors';
import {
  contentBatchSuffix,
  encodeFrame,
  FrameReader,
  type TransferExchange,
  type TransferRequest,
  type TransferResponse,
} from '#transfer';
import type { GatewayCluster } from '../cluster/cluster.port.js';

type Handler = (request: Record<string, unknown>, to: NodeId | undefined) => unknown;
type Listener = (payload: unknown, from: NodeId) => void;

export const gatewayNodeId = 'G'.repeat(43);
export const runnerNodeId = 'R'.repeat(43);
export const fakeOperatorId = 'O'.repeat(43);
export const fakeClusterId = 'C'.repeat(43);
/** What a ticket given ahead takes. */
const spareTicketBytes = 16_384;
const fakeMaxBytes = 1_000_000;
const zeroDigest = '0'.repeat(64);

/** Where the fake runners take content. */
const fakeRunnerUrl = 'http://127.0.0.1:9';

export function fakeNode(
  nodeId: string,
  service: NodeEntry['manifest']['services'][number],
  model?: string,
): NodeEntry {
  const at = new Date(0).toISOString();
  return {
    nodeId,
    health: 'alive',
    membership: 'admitted',
    models: model ? [{ name: model, version: '1.0.0', digest: zeroDigest, ready: true }] : [],
    joinedAt: at,
    lastSeenAt: at,
    manifest: {
      type: 'watershed/node-manifest',
      nodeId,
      clusterId: fakeClusterId,
      region: 'EU/FR',
      ...(service === 'runner' ? { url: fakeRunnerUrl } : {}),
      types: ['core'],
      services: [service],
      key: { kty: 'OKP', crv: 'Ed25519', x: 'x'.repeat(43) },
      purposeKeys: [],
      operatorId: fakeOperatorId,
      capabilities: {},
      issuedAt: at,
      signatures: [{ protected: '', signature: '' }],
    },
  };
}

/** A cluster in memory behind the gateway's port: every answer is parsed by the catalogue, as on the bus. */
export class FakeCluster implements GatewayCluster {
  readonly nodeId = gatewayNodeId;
  readonly clusterId = fakeClusterId;
  readonly region = 'EU/FR';
  readonly entries: NodeEntry[] = [
    fakeNode('I'.repeat(43), 'index'),
    fakeNode('T'.repeat(43), 'toll'),
    fakeNode(runnerNodeId, 'runner', 'watershed/language-id'),
  ];
  readonly calls: { readonly method: string; readonly request: Record<string, unknown> }[] = [];
  readonly told: { readonly name: string; readonly payload: unknown }[] = [];
  readonly reports: { readonly nodeId: NodeId; readonly ok: boolean }[] = [];
  readonly handlers = new Map<string, Handler>();
  private readonly answering = new Map<string, Handler>();
  readonly listeners = new Map<string, Listener>();
  joined?: string;
  draining = false;
  left = false;
  up = true;

  handle<M extends BusMethod>(method: M, handler: (request: RequestOf<M>, to: NodeId | undefined) => unknown): void {
    this.handlers.set(method.name, handler as Handler);
  }

  async call<M extends BusMethod>(method: M, request: RequestOf<M>, options?: { to?: NodeId }): Promise<ResponseOf<M>> {
    const parsed = method.request.parse(request) as Record<string, unknown>;
    this.calls.push({ method: method.name, request: parsed });
    const handler = this.handlers.get(method.name);
    if (!handler) throw new WatershedError('no_node_available', `Nobody answers ${method.name}.`);
    return method.response.parse(await handler(parsed, options?.to)) as ResponseOf<M>;
  }

  answer<M extends BusMethod>(method: M, handler: MethodHandler<M>): void {
    this.answering.set(method.name, (request) =>
      (handler as (request: unknown, caller: unknown) => unknown)(request, {}),
    );
  }
  /** What this gateway itself answers when it is called. */
  async answers<M extends BusMethod>(method: M, request: RequestOf<M>): Promise<unknown> {
    return this.answering.get(method.name)?.(method.request.parse(request) as Record<string, unknown>, undefined);
  }

  callsOf(method: BusMethod): Record<string, unknown>[] {
    return this.calls.filter((each) => each.method === method.name).map(({ request }) => request);
  }

  async broadcast<B extends BusBroadcast>(broadcast: B, payload: PayloadInputOf<B>): Promise<void> {
    this.told.push({ name: broadcast.name, payload });
  }
  on<B extends BusBroadcast>(broadcast: B, handler: (payload: PayloadOf<B>, from: NodeId) => void): () => void {
    this.listeners.set(broadcast.name, handler as Listener);
    return () => this.listeners.delete(broadcast.name);
  }
  /** What another gateway announces. */
  hear(broadcast: BusBroadcast, payload: unknown): void {
    this.listeners.get(broadcast.name)?.(payload, 'N'.repeat(43));
  }

  nodes(): readonly NodeEntry[] {
    return this.entries;
  }
  find(service: BusMethod['service']): readonly NodeEntry[] {
    return this.entries.filter(({ manifest }) => manifest.services.includes(service));
  }
  pick(service: BusMethod['service'], filter: (entry: NodeEntry) => boolean): NodeEntry | undefined {
    return this.find(service).find(filter);
  }
  begin(): void {}
  report(nodeId: NodeId, outcome: { ok: boolean }): void {
    this.reports.push({ nodeId, ok: outcome.ok });
  }
  tokenKeys(): readonly PublicJwk[] {
    return [];
  }
  connected(): boolean {
    return this.up;
  }
  operatorId(): string {
    return fakeOperatorId;
  }
  async join(url: string): Promise<void> {
    this.joined = url;
  }
  startDraining(): void {
    this.draining = true;
  }
  async leave(): Promise<void> {
    this.left = true;
  }
  async close(): Promise<void> {}
}

interface FakeAnswer {
  readonly status?: number;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Record<string, string>;
}

/** A runner behind the tickets: answers as told, and remembers what it was sent. */
export class FakeContent {
  readonly sent: { readonly ticket: TransferTicket; readonly request: TransferRequest; readonly body: Buffer }[] = [];
  answer: (body: Buffer, request: TransferRequest) => FakeAnswer | Promise<FakeAnswer> = () => ({
    json: {
      labels: [
        { label: 'it', probability: 0.97 },
        { label: 'es', probability: 0.03 },
      ],
    },
  });

  /** Answers wait from now on until the returned function is called. */
  hold(): () => void {
    const { answer } = this;
    let open: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.answer = async (body, request) => {
      await held;
      return answer(body, request);
    };
    return () => {
      this.answer = answer;
      open();
    };
  }

  async exchange(
    ticket: TransferTicket,
    request: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array },
  ): Promise<TransferExchange> {
    const answer = await this.transfer(ticket, request);
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) chunks.push(Buffer.from(chunk));
    return { status: answer.status, headers: answer.headers, body: Buffer.concat(chunks) };
  }

  /** Contents of a book's tickets go together: each is answered as if it had come alone. */
  async streamed(
    place: URL,
    request: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array },
    answer: { head(status: number): void; data(chunk: Buffer): void },
  ): Promise<void> {
    answer.head(200);
    const url = place.href.slice(0, -contentBatchSuffix.length);
    const frames = new FrameReader(fakeMaxBytes).push(Buffer.from(request.body));
    await Promise.all(
      frames.map(async ({ id, token, body }) => {
        const ticket = { url, token, maxBytes: spareTicketBytes };
        const { status, body: bytes } = await this.exchange(ticket, { headers: request.headers, body });
        for (const piece of encodeFrame({ id, status, kind: 'json', token: '', body: bytes }))
          answer.data(Buffer.from(piece));
      }),
    );
  }

  async transfer(ticket: TransferTicket, request: TransferRequest = {}): Promise<TransferResponse> {
    const chunks: Buffer[] = [];
    if (request.body instanceof Readable) for await (const chunk of request.body) chunks.push(Buffer.from(chunk));
    else if (request.body !== undefined) chunks.push(Buffer.from(request.body));
    const body = Buffer.concat(chunks);
    this.sent.push({ ticket, request, body });
    const { status = 200, json, bytes, headers = {} } = await this.answer(body, request);
    const content = bytes ?? Buffer.from(JSON.stringify(json ?? {}));
    return {
      status,
      headers: { 'content-type': 'application/json', ...headers },
      body: Readable.from([Buffer.from(content)]),
    };
  }
}
