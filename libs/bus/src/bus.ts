import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import type { BusBroadcast, BusMethod, NodeEntry, NodeId, PayloadOf, RequestOf, ResponseOf } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { certainlyNotExecuted, deadlineExceeded, isCallLost, noNodeAvailable } from './bus.errors.js';
import { BusMetrics } from './bus.metrics.js';
import type {
  BusIdentity,
  BusLogger,
  BusOptions,
  BusStatus,
  CallOptions,
  MethodHandler,
  PayloadInputOf,
  TraceContext,
} from './bus.types.js';
import { BusClient } from './bus-client.js';
import { BUS_METHOD } from './bus-handler.decorator.js';
import { BusServer, invalidRequest } from './bus-server.js';
import {
  CANCEL,
  ChannelReader,
  channelOf,
  EVERYONE,
  isSegment,
  MISSING,
  PING,
  REPLY,
  RESERVED_NAMES,
} from './channel.js';
import { MAX_MESSAGE_BYTES, readBroadcast, writeBroadcast } from './envelope.js';
import { type NodeRouter, routerOver } from './node-directory.port.js';

interface Listener {
  readonly broadcast: BusBroadcast;
  readonly deliver: (payload: unknown, from: NodeId) => void;
}

const untraced: TraceContext = { current: () => undefined, run: (_traceparent, fn) => fn() };
/** How long to wait before calling again a node that may not have resubscribed after a restart of Redis. */
const RESUBSCRIBE_PAUSE_MS = 50;
/** Before what Redis refused is sent again. */
const REFUSED_PAUSE_MS = 20;

/**
 * A node's end of the cluster's bus: calls to addressed nodes, answers, and broadcasts, over one pair of Redis
 * connections, or within the process where the other node is a neighbour. Every call ends inside its deadline, with an answer or with one of: the refusal that the callee gave;
 * `invalid_request`, `caller_not_allowed`; `no_node_available`, `node_unreachable`, `bus_unavailable`,
 * `deadline_exceeded`, `shutting_down`; or the reason of the signal that aborted it.
 */
export class Bus {
  /** For `app.connectMicroservice({ strategy })`. */
  readonly server: CustomTransportStrategy;
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly channels: ChannelReader;

  private constructor(
    readonly identity: BusIdentity,
    private readonly client: BusClient,
    private readonly answering: BusServer,
    private readonly router: NodeRouter,
    private readonly metrics: BusMetrics,
    private readonly trace: TraceContext,
    private readonly logger: BusLogger,
  ) {
    this.server = answering;
    this.channels = new ChannelReader(identity.clusterId, identity.nodeId);
    client.onMessage((channel, text) => this.receive(channel, text));
  }

  /** Throws `bus_unavailable` when Redis is not there within `connectTimeoutMs`. */
  static async connect(options: BusOptions): Promise<Bus> {
    const { identity, logger, redisUrl } = options;
    if (!isSegment(identity.clusterId) || !isSegment(identity.nodeId) || identity.nodeId === EVERYONE) {
      throw new WatershedError('internal', 'The ids of cluster and node must be thumbprints.');
    }
    const metrics = new BusMetrics(options.metrics.registry);
    const router = routerOver(options.directory);
    const trace = options.trace ?? untraced;
    const client = new BusClient(redisUrl, identity, logger, metrics, options.neighbours);
    const server = new BusServer(redisUrl, client, identity, router, logger, metrics, trace);
    const bus = new Bus(identity, client, server, router, metrics, trace, logger);
    await client.open(options.connectTimeoutMs ?? 10_000);
    return bus;
  }

  get status(): BusStatus {
    return this.client.busStatus;
  }

  /** The connection that publishes, for small reads and writes of the node itself; never for blocking commands. */
  get redis(): Redis {
    return this.client.commands;
  }

  /** Resolves while the connection stands, else when it is back; `bus_unavailable` after `timeoutMs`. */
  whenConnected(timeoutMs: number): Promise<void> {
    return this.client.whenUp(performance.now() + timeoutMs);
  }

  /** Calls under way that others made to this node. */
  get callsInFlight(): number {
    return this.answering.callsInFlight;
  }

  /** Messages that were not acted on, by reason; also the metric `watershed_bus_dropped_total`. */
  droppedFor(reason: Parameters<BusMetrics['droppedFor']>[0]): number {
    return this.metrics.droppedFor(reason);
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.client.onBusStatus(listener);
  }

  async call<M extends BusMethod>(method: M, request: RequestOf<M>, options: CallOptions = {}): Promise<ResponseOf<M>> {
    const startedAt = performance.now();
    try {
      const { spans } = this.trace;
      const response = spans
        ? await spans.span(method.name, 'client', spanAttributes, () => this.route(method, request, options, startedAt))
        : await this.route(method, request, options, startedAt);
      this.metrics.countCall(method.name, 'ok', performance.now() - startedAt);
      return response;
    } catch (error) {
      const outcome = isWatershedError(error) ? error.code : 'aborted';
      this.metrics.countCall(method.name, outcome, performance.now() - startedAt);
      throw error;
    }
  }

  /** Answers a method outside Nest. One handler a method. */
  handle<M extends BusMethod>(method: M, handler: MethodHandler<M>): void {
    const adapted = async (request: unknown, caller: unknown): Promise<unknown> =>
      (handler as (request: unknown, caller: unknown) => unknown)(request, caller);
    this.answering.addHandler(method.name, adapted as Parameters<BusServer['addHandler']>[1], false, {
      [BUS_METHOD]: method,
    });
  }

  /** Resolves when Redis has taken it; nobody need have received it. Not delivered to this node itself. */
  async broadcast<B extends BusBroadcast>(broadcast: B, payload: PayloadInputOf<B>): Promise<void> {
    const parsed = broadcast.payload.safeParse(payload);
    if (!parsed.success) throw invalidRequest(broadcast.name, parsed.error.issues[0]);
    await this.client.whenUp(performance.now() + BROADCAST_TIMEOUT_MS);
    const message = writeBroadcast(this.client.instance, performance.now(), JSON.stringify(parsed.data));
    const channel = channelOf(this.identity.clusterId, EVERYONE, this.identity.nodeId, broadcast.name);
    await new Promise<void>((resolve, reject) => {
      this.client.post(channel, message, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Listens to a broadcast, as sent by nodes whose services may send it. Returns how to stop. */
  on<B extends BusBroadcast>(broadcast: B, listener: (payload: PayloadOf<B>, from: NodeId) => void): () => void {
    const set = this.listeners.get(broadcast.name) ?? new Set<Listener>();
    this.listeners.set(broadcast.name, set);
    const entry: Listener = { broadcast, deliver: listener as Listener['deliver'] };
    set.add(entry);
    return () => set.delete(entry);
  }

  /** Refuses calls from now on with `shutting_down`; resolves when those under way are answered. */
  drain(): Promise<void> {
    return this.answering.drain();
  }

  /** Ends the connections. Calls still under way here are aborted: their answers would reach nobody. */
  async close(): Promise<void> {
    this.answering.abandon();
    await this.client.shut();
  }

  private async route<M extends BusMethod>(
    method: M,
    request: RequestOf<M>,
    options: CallOptions,
    startedAt: number,
  ): Promise<ResponseOf<M>> {
    if (RESERVED_NAMES.has(method.name))
      throw new WatershedError('internal', `No method may be called ${method.name}.`);
    const deadline = startedAt + (options.timeoutMs ?? method.timeoutMs);
    const parsed = method.request.safeParse(request);
    if (!parsed.success) throw invalidRequest(method.name, parsed.error.issues[0]);
    const json = JSON.stringify(parsed.data);
    if (json.length > MAX_MESSAGE_BYTES) {
      throw new WatershedError('body_too_large', 'The bus carries control, not content: this request is too large.', {
        details: { method: method.name, sizeBytes: json.length, maxBytes: MAX_MESSAGE_BYTES },
      });
    }
    const tried = new Set<NodeId>();
    const lostAt = new Set<NodeId>();
    let failure: unknown;
    for (;;) {
      if (!this.client.up) await this.client.whenUp(deadline, options.signal);
      const to = options.to ?? this.choose(method, options.among, tried);
      if (to === undefined) throw failure ?? noNodeAvailable(method.service);
      try {
        const data = await this.attempt(method, to, json, deadline, options.signal);
        const response = method.response.safeParse(data);
        if (response.success) return response.data as ResponseOf<M>;
        this.logger.error({ method: method.name, node: to }, 'A node answered against the contract');
        throw new WatershedError('internal', `The answer to ${method.name} did not fit its contract.`);
      } catch (error) {
        failure = error;
        // Once a node: what kills the process that takes it must not go on doing so until its deadline.
        const mayHaveAnew = isCallLost(error) && !lostAt.has(to);
        if (mayHaveAnew) lostAt.add(to);
        const again = await this.mayTryAgain(method, error, options, deadline, mayHaveAnew);
        if (again === 'no') throw error;
        if (again === 'elsewhere') tried.add(to);
      }
    }
  }

  private choose(
    method: BusMethod,
    among: ((entry: NodeEntry) => boolean) | undefined,
    tried: ReadonlySet<NodeId>,
  ): NodeId | undefined {
    const filter =
      among || tried.size > 0 ? (entry: NodeEntry) => !tried.has(entry.nodeId) && (!among || among(entry)) : undefined;
    return this.router.pick(method.service, filter)?.nodeId;
  }

  private async attempt(
    method: BusMethod,
    to: NodeId,
    json: string,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    this.router.begin(to);
    const sentAt = performance.now();
    try {
      const data = await this.client.request(to, method.name, json, deadline, signal, this.trace.current());
      this.router.report(to, { ok: true, latencyMs: performance.now() - sentAt });
      return data;
    } catch (error) {
      const code = isWatershedError(error) ? error.code : undefined;
      const lost = code === 'node_unreachable' || code === 'deadline_exceeded';
      const answered = code !== undefined && !lost && code !== 'bus_unavailable';
      // Another process of the node listens than the one that took the call: what is there now has not failed.
      if (isCallLost(error)) this.router.report(to, { ok: true });
      else this.router.report(to, { ok: !lost, latencyMs: answered || lost ? performance.now() - sentAt : undefined });
      throw error;
    }
  }

  /** Only what cannot have been executed, or may be executed twice, is tried again. */
  private async mayTryAgain(
    method: BusMethod,
    error: unknown,
    options: CallOptions,
    deadline: number,
    mayHaveAnew: boolean,
  ): Promise<'no' | 'here' | 'elsewhere'> {
    if (!isWatershedError(error)) return 'no';
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return 'no';
    if (error.code === 'bus_unavailable') {
      if (!method.idempotent || this.status === 'closed') return 'no';
      // The connection stands and Redis refused: it may do so again.
      if (this.client.up) await pause(Math.min(REFUSED_PAUSE_MS, leftMs), options.signal);
      return 'here';
    }
    if (error.code !== 'node_unreachable' && error.code !== 'shutting_down') return 'no';
    if (certainlyNotExecuted(error) && this.client.freshlyBack) {
      // Redis has just come back, for the callee too: it may be subscribed again in a moment.
      if (leftMs <= RESUBSCRIBE_PAUSE_MS) throw deadlineExceeded(method.name);
      await pause(RESUBSCRIBE_PAUSE_MS, options.signal);
      return 'here';
    }
    if (method.idempotent && mayHaveAnew) return 'here';
    return method.idempotent && options.to === undefined ? 'elsewhere' : 'no';
  }

  private receive(text: string, message: string): void {
    const channel = this.channels.read(text);
    if (!channel) {
      this.metrics.drop('channel_malformed');
      return;
    }
    const { to, from, what } = channel;
    if (to === EVERYONE) {
      this.deliver(from, what, message);
      return;
    }
    if (what === REPLY) {
      this.client.acceptReply(from, message);
      return;
    }
    if (what === PING) {
      this.answering.probed(from, message);
      return;
    }
    if (what === MISSING) {
      this.client.acceptMissing(from, message);
      return;
    }
    if (what === CANCEL) {
      this.answering.cancel(from, message);
      return;
    }
    this.answering.accept(from, what, message);
  }

  private deliver(from: NodeId, name: string, message: string): void {
    if (from === this.identity.nodeId) return;
    const listeners = this.listeners.get(name);
    if (!listeners || listeners.size === 0) return;
    const read = readBroadcast(message);
    if (!read) {
      this.metrics.drop('message_malformed');
      return;
    }
    this.answering.observe(from, read.i, read.s);
    const services = this.router.get(from)?.manifest.services ?? [];
    let payload: unknown;
    for (const { broadcast, deliver } of listeners) {
      if (!broadcast.senders.some((sender) => services.includes(sender))) {
        this.metrics.drop('sender_not_allowed');
        continue;
      }
      if (payload === undefined) {
        const parsed = broadcast.payload.safeParse(read.d);
        if (!parsed.success) {
          this.metrics.drop('message_malformed');
          return;
        }
        payload = parsed.data;
      }
      try {
        deliver(payload, from);
      } catch (error) {
        this.logger.error(
          { broadcast: name, reason: error instanceof Error ? error.message : '' },
          'A listener failed',
        );
      }
    }
  }
}

const spanAttributes = { 'rpc.system': 'watershed-bus' };
const BROADCAST_TIMEOUT_MS = 2_000;

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
