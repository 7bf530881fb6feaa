import { type MessageHandler, ServerRedis } from '@nestjs/microservices';
import { firstValueFrom, isObservable } from 'rxjs';
import type { BusMethod, ServiceName } from '#contracts';
import { indexJoin } from '#contracts';
import { toWireError, WatershedError, type WireError } from '#errors';
import type { BusMetrics } from './bus.metrics.js';
import type { BusIdentity, BusLogger, TraceContext } from './bus.types.js';
import type { BusClient } from './bus-client.js';
import { replyChannel } from './bus-client.js';
import { BUS_METHOD } from './bus-handler.decorator.js';
import { CallContext } from './call-context.js';
import { CallerWindows } from './caller-window.js';
import { channelOf, MISSING } from './channel.js';
import {
  MAX_MESSAGE_BYTES,
  type RequestEnvelope,
  readCallList,
  readCancel,
  readRequest,
  writeCallList,
  writeRefusal,
  writeReply,
} from './envelope.js';
import type { NodeRouter } from './node-directory.port.js';
import { redisOptionsOf } from './redis-options.js';

interface Route {
  readonly method: BusMethod;
  readonly handler: MessageHandler;
}

const refusalStarting: WireError = {
  code: 'node_unreachable',
  message: 'This node is starting and does not answer calls yet.',
  retryAfterMs: 500,
};
const refusalStopping: WireError = { code: 'shutting_down', message: 'This node is stopping. Call another.' };

/**
 * The answering half of a node's bus, and Nest's microservice strategy. It executes only calls that are addressed to
 * this node, not seen before, inside their deadline, of the catalogue, and from a caller that the catalogue lists.
 */
export class BusServer extends ServerRedis {
  private readonly routes = new Map<string, Route | undefined>();
  private readonly windows = new CallerWindows();
  private readonly running = new Map<string, CallContext>();
  private readonly idle = new Set<() => void>();
  private inFlight = 0;
  private opened = false;
  private stopping = false;

  constructor(
    redisUrl: string,
    private readonly client: BusClient,
    private readonly identity: BusIdentity,
    private readonly router: NodeRouter,
    private readonly busLogger: BusLogger,
    private readonly metrics: BusMetrics,
    private readonly trace: TraceContext,
  ) {
    super(redisOptionsOf(redisUrl));
  }

  /** Nest calls this when every controller is registered. The connections are the client's. */
  override async listen(callback: (error?: unknown) => void): Promise<void> {
    this.opened = true;
    callback();
  }

  override async close(): Promise<void> {
    this.stopping = true;
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler?: boolean,
    extras?: Record<string, unknown>,
  ): void {
    super.addHandler(pattern, callback, isEventHandler, extras);
    this.routes.clear();
  }

  get callsInFlight(): number {
    return this.inFlight;
  }

  /** Refuses what comes from now on and resolves when what is under way is answered. */
  async drain(): Promise<void> {
    this.stopping = true;
    if (this.inFlight === 0) return;
    await new Promise<void>((resolve) => this.idle.add(resolve));
  }

  /** Nobody can be answered any more: tells handlers that still run to stop. */
  abandon(): void {
    this.stopping = true;
    for (const context of this.running.values()) context.abort();
  }

  /** A call from `from`, read off the channel. Never throws, never rejects. */
  accept(from: string, name: string, text: string): void {
    const request = readRequest(text);
    if (!request) {
      this.metrics.drop('message_malformed');
      return;
    }
    const receivedAt = performance.now();
    const window = this.windows.of(from, request.i);
    if (!window.admit(request.n)) {
      this.metrics.drop('duplicate');
      return;
    }
    const leftMs = Math.min(request.t, MAX_DEADLINE_MS) - Math.max(0, window.excessMs(request.s, receivedAt));
    if (leftMs <= 0) {
      this.metrics.drop('expired');
      return;
    }
    void this.answer(from, name, request, receivedAt, receivedAt + leftMs);
  }

  /** The caller gave up: whoever works for it may stop. */
  cancel(from: string, text: string): void {
    const id = readCancel(text);
    const context = id && this.running.get(`${id.i}.${id.n}`);
    if (context && context.nodeId === from) context.abort();
  }

  /** A caller waits for these: it is told which of them never came. Silence says that all did. */
  probed(from: string, text: string): void {
    const asked = readCallList(text);
    if (!asked) {
      this.metrics.drop('message_malformed');
      return;
    }
    const window = this.windows.known(from, asked.i);
    const missing = asked.n.filter((n) => !window?.received(n) && !this.running.has(`${asked.i}.${n}`));
    if (missing.length === 0 || !this.client.up) return;
    const channel = channelOf(this.identity.clusterId, from, this.identity.nodeId, MISSING);
    this.client.post(channel, writeCallList(asked.i, asked.p, missing));
  }

  /** A message of any kind tells how long messages from this process travel at best. */
  observe(from: string, instance: string, sentAt: number): void {
    this.windows.of(from, instance).excessMs(sentAt, performance.now());
  }

  private async answer(
    from: string,
    name: string,
    request: RequestEnvelope,
    startedAt: number,
    deadline: number,
  ): Promise<void> {
    this.inFlight += 1;
    let outcome = 'ok';
    try {
      const json = await this.execute(from, name, request, deadline);
      if (json !== undefined) this.reply(from, writeReply(request.i, request.n, json), deadline);
    } catch (error) {
      const wire = this.wireOf(error, name);
      outcome = wire.code;
      this.reply(from, writeRefusal(request.i, request.n, wire), deadline);
    }
    this.metrics.countHandled(this.routes.get(name) ? name : 'unknown', outcome, performance.now() - startedAt);
    this.inFlight -= 1;
    if (this.inFlight > 0) return;
    for (const resolve of this.idle) resolve();
    this.idle.clear();
  }

  /** The answer as JSON; undefined where the caller has stopped waiting. */
  private async execute(
    from: string,
    name: string,
    request: RequestEnvelope,
    deadline: number,
  ): Promise<string | undefined> {
    if (this.stopping) throw WatershedError.fromWire(refusalStopping);
    const route = this.routeOf(name);
    if (!route) {
      if (!this.opened) throw WatershedError.fromWire(refusalStarting);
      throw new WatershedError('method_not_allowed', `This node does not answer ${name}.`, {
        details: { method: name },
      });
    }
    const { method, handler } = route;
    const known = this.servicesOf(from, method);
    const services = known ?? (await this.resolveServices(from));
    if (!services.allowed && !method.callers.some((caller) => services.names.includes(caller))) throw notAllowed(name);
    const parsed = method.request.safeParse(request.d);
    if (!parsed.success) throw invalidRequest(name, parsed.error.issues[0]);
    if (performance.now() >= deadline) return this.expired();
    const context = new CallContext(from, services.names, deadline);
    const id = `${request.i}.${request.n}`;
    this.running.set(id, context);
    try {
      const result = await this.run(name, handler, parsed.data, context, request.p);
      if (performance.now() >= deadline) return this.expired();
      const response = method.response.safeParse(result);
      if (!response.success) {
        const issue = response.error.issues[0];
        this.busLogger.error(
          { method: name, path: issue?.path.join('.'), issue: issue?.code },
          'A handler broke its contract',
        );
        throw new WatershedError('internal', `The answer to ${name} did not fit its contract.`);
      }
      const json = JSON.stringify(response.data);
      if (json.length > MAX_MESSAGE_BYTES) throw new WatershedError('internal', `The answer to ${name} is too large.`);
      return json;
    } finally {
      this.running.delete(id);
      context.finish();
    }
  }

  private async run(
    name: string,
    handler: MessageHandler,
    data: unknown,
    context: CallContext,
    traceparent: string | undefined,
  ): Promise<unknown> {
    if (traceparent === undefined) return settled(await handler(data, context));
    const { spans } = this.trace;
    if (!spans) return settled(await this.trace.run(traceparent, () => handler(data, context)));
    return spans.receive(traceparent, name, { 'rpc.system': 'watershed-bus' }, async () =>
      settled(await handler(data, context)),
    );
  }

  private routeOf(name: string): Route | undefined {
    const known = this.routes.get(name);
    if (known) return known;
    const handler = this.messageHandlers.get(name);
    const method = handler?.extras?.[BUS_METHOD] as BusMethod | undefined;
    if (!handler || !method) return undefined;
    const route = { method, handler };
    this.routes.set(name, route);
    return route;
  }

  /**
   * The services of a caller, as its manifest names them. A node that is not in the index yet has none: it may make the
   * one call by which it joins, which the index then judges by the manifest's signatures.
   */
  private servicesOf(from: string, method: BusMethod): CallerServices | undefined {
    const entry = this.router.get(from);
    if (method.name === indexJoin.name) return { names: entry?.manifest.services ?? [], allowed: true };
    if (!entry) return undefined;
    if (entry.health === 'expelled') {
      throw new WatershedError('node_expelled', 'This node has been expelled from the cluster.');
    }
    return { names: entry.manifest.services, allowed: false };
  }

  /** Our watch may lag behind a node that has just joined: ask before refusing it. */
  private async resolveServices(from: string): Promise<CallerServices> {
    const entry = await this.router.resolve(from);
    return { names: entry && entry.health !== 'expelled' ? entry.manifest.services : [], allowed: false };
  }

  private expired(): undefined {
    this.metrics.drop('expired');
    return undefined;
  }

  private reply(to: string, message: string, deadline: number): void {
    const channel = replyChannel(this.identity.clusterId, to, this.identity.nodeId);
    if (this.client.up) {
      this.client.post(channel, message);
      return;
    }
    this.client.whenUp(deadline).then(
      () => this.client.post(channel, message),
      () => this.metrics.drop('expired'),
    );
  }

  private wireOf(error: unknown, method: string): WireError {
    const wire = toWireError(error);
    if (wire.code === 'internal') {
      const reason = error instanceof Error ? (error.stack ?? error.message) : typeof error;
      this.busLogger.error({ method, reason }, 'A bus handler failed');
    }
    return wire;
  }
}

const settled = (result: unknown): unknown => (isObservable(result) ? firstValueFrom(result) : result);

interface CallerServices {
  readonly names: readonly ServiceName[];
  readonly allowed: boolean;
}

/** No call may hold a handler longer than this, whatever its caller says. */
const MAX_DEADLINE_MS = 600_000;

const notAllowed = (method: string): WatershedError =>
  new WatershedError('caller_not_allowed', `The services of this node may not call ${method}.`, {
    details: { method },
  });

export function invalidRequest(
  method: string,
  issue: { path: readonly PropertyKey[]; message: string } | undefined,
): WatershedError {
  const path = issue?.path.map(String).join('.') ?? '';
  return new WatershedError('invalid_request', `The request of ${method} is not valid at "${path}".`, {
    details: { method, path, reason: issue?.message ?? '' },
  });
}
