import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { ClientRedis, type ReadPacket } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import { WatershedError } from '#errors';
import { busUnavailable, deadlineExceeded, nodeUnreachable } from './bus.errors.js';
import type { BusMetrics } from './bus.metrics.js';
import type { BusIdentity, BusLogger, BusStatus } from './bus.types.js';
import { CallProbe } from './call-probe.js';
import { broadcastPattern, CANCEL, channelOf, inboxPattern, PING, REPLY } from './channel.js';
import { readReply, writeRequest } from './envelope.js';
import type { MessageSink, Neighbours } from './neighbours.js';
import { type Peer, PendingCalls } from './pending-calls.js';
import { nestLoggerOver, redisOptionsOf, retryDelayMs } from './redis-options.js';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The node's two connections to Redis and the calling half of its bus. One PUBLISH a message; those of one tick leave
 * in one write. Nothing waits in ioredis's own queues: a command that cannot go out now fails now, and what to do about
 * it is decided where the deadline and the method are known.
 */
export class BusClient extends ClientRedis {
  protected override readonly logger;
  /** Names this process among those that have had this node id. */
  readonly instance = randomBytes(9).toString('base64url');
  private readonly calls = new PendingCalls();
  private readonly probe: CallProbe;
  private readonly listeners = new Set<(status: BusStatus) => void>();
  private readonly waiters = new Set<Waiter>();
  private state: BusStatus = 'connecting';
  private backSince = Number.NEGATIVE_INFINITY;
  private corked: Socket | undefined;
  private sink: MessageSink = () => undefined;
  private leaveNeighbours: (() => void) | undefined;

  constructor(
    redisUrl: string,
    private readonly identity: BusIdentity,
    private readonly busLogger: BusLogger,
    private readonly metrics: BusMetrics,
    private readonly neighbours?: Neighbours,
  ) {
    super(redisOptionsOf(redisUrl));
    this.logger = nestLoggerOver(busLogger);
    metrics.pending = () => this.calls.count;
    this.probe = new CallProbe(
      this.calls,
      this.instance,
      metrics,
      () => this.up,
      (to, text, done) => this.post(channelOf(identity.clusterId, to, identity.nodeId, PING), text, done),
    );
  }

  get busStatus(): BusStatus {
    return this.state;
  }

  get up(): boolean {
    return this.state === 'connected';
  }

  /** Whether a lost connection came back so lately that other nodes may not be subscribed again yet. */
  get freshlyBack(): boolean {
    return performance.now() - this.backSince < 1_500;
  }

  /** Throws `bus_unavailable` where there is no connection at all. */
  get commands(): Redis {
    const redis: Redis | null = this.pubClient;
    if (!redis) throw busUnavailable();
    return redis;
  }

  onMessage(sink: MessageSink): void {
    this.sink = sink;
  }

  onBusStatus(listener: (status: BusStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Opens both connections and subscribes; keeps trying until `timeoutMs`, then `bus_unavailable`, and none is left open. */
  async open(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    try {
      await this.connectBefore(deadline);
      await this.whenUp(deadline);
    } catch (error) {
      await this.shut();
      throw error;
    }
  }

  private async connectBefore(deadline: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.connect();
        return;
      } catch (error) {
        const waitMs = retryDelayMs(attempt);
        if (performance.now() + waitMs >= deadline) throw busUnavailable(error);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** Resolves while the connection stands, else when it is back; `bus_unavailable` at `deadline`. */
  whenUp(deadline: number, signal?: AbortSignal): Promise<void> {
    if (this.up) return Promise.resolve();
    if (this.state === 'closed') return Promise.reject(busUnavailable());
    return new Promise((resolve, reject) => {
      const abort = () => settle(() => reject(signal?.reason));
      const settle = (done: () => void) => {
        clearTimeout(waiter.timer);
        this.waiters.delete(waiter);
        signal?.removeEventListener('abort', abort);
        done();
      };
      const waiter: Waiter = {
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
        timer: setTimeout(() => settle(() => reject(busUnavailable())), Math.max(0, deadline - performance.now())),
      };
      this.waiters.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * One attempt at one node. Rejects with the refusal that the node answered, `deadline_exceeded`, `node_unreachable`
   * (nobody received it, or whoever did is gone) or `bus_unavailable` (the connection was lost before the answer).
   */
  request(
    to: string,
    method: string,
    payloadJson: string,
    deadline: number,
    signal?: AbortSignal,
    traceparent?: string,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sentAt = performance.now();
      const leftMs = deadline - sentAt;
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      if (leftMs <= 0) {
        reject(deadlineExceeded(method));
        return;
      }
      if (!this.up) {
        reject(busUnavailable());
        return;
      }
      const peer = this.calls.of(to);
      peer.sequence += 1;
      const n = peer.sequence;
      const timer = setTimeout(() => peer.fail(n, deadlineExceeded(method)), leftMs);
      const onAbort = signal && (() => this.cancel(to, peer, n, signal));
      peer.pending.set(n, { sentAt, resolve, reject, timer, signal, onAbort });
      if (signal && onAbort) signal.addEventListener('abort', onAbort, { once: true });
      this.probe.watch();
      const message = writeRequest(this.instance, n, leftMs, sentAt, traceparent, payloadJson);
      this.post(channelOf(this.identity.clusterId, to, this.identity.nodeId, method), message, (error, receivers) => {
        if (error) {
          this.notice(error);
          peer.fail(n, busUnavailable(error));
        } else if (receivers === 0) peer.fail(n, nodeUnreachable(to, true));
      });
    });
  }

  /** Takes an answer from `from`; it counts only where that node was called and has not answered yet. */
  acceptReply(from: string, text: string): void {
    const reply = readReply(text);
    if (!reply) {
      this.metrics.drop('message_malformed');
      return;
    }
    const peer = this.calls.known(from);
    const pending = reply.i === this.instance ? peer?.pending.get(reply.n) : undefined;
    if (!peer || !pending) {
      this.metrics.drop('reply_unasked');
      return;
    }
    peer.settle(reply.n, pending);
    if (reply.e) pending.reject(WatershedError.fromWire(reply.e));
    else pending.resolve(reply.d);
  }

  /** Takes what `from` answers to a probe: which of our calls it never received. */
  acceptMissing(from: string, text: string): void {
    this.probe.hear(from, text);
  }

  /** Sends one message; `done` gets the count of nodes that received it. */
  post(channel: string, text: string, done?: (error: Error | null | undefined, receivers: number) => void): void {
    if (this.neighbours?.hand(channel, text)) {
      done?.(undefined, 1);
      return;
    }
    const redis: Redis = this.pubClient;
    const stream = redis.stream as Socket;
    if (this.corked !== stream) {
      this.corked = stream;
      stream.cork();
      process.nextTick(() => {
        stream.uncork();
        if (this.corked === stream) this.corked = undefined;
      });
    }
    redis.publish(channel, text, (error, receivers) => done?.(error, receivers ?? 0));
  }

  /** Closes both connections; whoever still waits gets `bus_unavailable`. */
  async shut(): Promise<void> {
    if (this.state === 'closed') return;
    this.move('closed');
    this.calls.failAll(busUnavailable);
    for (const waiter of [...this.waiters]) waiter.reject(busUnavailable());
    const clients = [this.pubClient, this.subClient] as (Redis | null)[];
    await Promise.all(clients.map((client) => client && quit(client)));
  }

  // What the base class does with its connections, replaced where it would log to the console, give up, or listen for
  // the replies of a pattern.

  override registerErrorListener(client: Redis): void {
    client.on('error', (error: Error) => {
      if (this.state !== 'closed') this.busLogger.warn({ reason: error.message }, 'Redis connection of the bus failed');
    });
  }

  override registerReconnectListener(client: { on: (event: string, fn: () => void) => void }): void {
    client.on('close', () => this.lost());
  }

  override registerReadyListener(client: { on: (event: string, fn: () => void) => void }): void {
    client.on('ready', () => void this.arm());
    if (client === this.subClient) {
      const subscriber = this.subClient as Redis;
      subscriber.on('pmessage', (_pattern: string, channel: string, text: string) => this.sink(channel, text));
    }
  }

  override registerEndListener(client: { on: (event: string, fn: () => void) => void }): void {
    client.on('end', () => this.lost());
  }

  override createRetryStrategy(times: number): number {
    return retryDelayMs(times);
  }

  protected override publish(_packet: ReadPacket): () => void {
    throw new WatershedError('internal', 'The bus addresses nodes, not patterns: use Bus.call.');
  }

  protected override dispatchEvent(_packet: ReadPacket): Promise<never> {
    return Promise.reject(new WatershedError('internal', 'The bus addresses nodes, not patterns: use Bus.broadcast.'));
  }

  /** The connection counts as there when both ends stand and Redis has confirmed what we listen to. */
  private async arm(): Promise<void> {
    const publisher = this.pubClient as Redis | null;
    const subscriber = this.subClient as Redis | null;
    if (publisher?.status !== 'ready' || subscriber?.status !== 'ready' || this.state === 'closed') return;
    const { clusterId, nodeId } = this.identity;
    try {
      await subscriber.psubscribe(inboxPattern(clusterId, nodeId), broadcastPattern(clusterId));
    } catch (error) {
      // The connection went again while subscribing, or the login may not listen: the next `ready` tries anew.
      this.busLogger.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'The bus cannot subscribe',
      );
      subscriber.disconnect(true);
      return;
    }
    if (publisher.status !== 'ready' || subscriber.status !== 'ready' || this.isClosed()) return;
    if (this.state === 'reconnecting') this.backSince = performance.now();
    this.move('connected');
    for (const waiter of [...this.waiters]) waiter.resolve();
  }

  /** Read through a method, because TypeScript does not know that `state` changes during an await. */
  private isClosed(): boolean {
    return this.state === 'closed';
  }

  /**
   * A command that cannot be written is refused before the connection is known to be gone, and without a turn of the event
   * loop: who asked again at once would keep the loop from ever hearing of it. What Redis itself refuses says nothing of
   * the connection.
   */
  private notice(error: Error): void {
    if (error.name === 'ReplyError' || this.state !== 'connected') return;
    this.lost();
    this.commands.disconnect(true);
  }

  private lost(): void {
    if (this.state !== 'connected') return;
    this.move('reconnecting');
    this.calls.failAll(busUnavailable);
  }

  private move(state: BusStatus): void {
    this.state = state;
    // Without a connection of its own it is as gone for its neighbours as for everyone else: it could not answer them.
    this.leaveNeighbours?.();
    this.leaveNeighbours =
      state === 'connected'
        ? this.neighbours?.enter(this.identity, (channel, text) => this.sink(channel, text))
        : undefined;
    this.metrics.connected = state === 'connected' ? 1 : 0;
    for (const listener of this.listeners) listener(state);
  }

  private cancel(to: string, peer: Peer, n: number, signal: AbortSignal): void {
    peer.fail(n, signal.reason);
    if (!this.up) return;
    this.post(
      channelOf(this.identity.clusterId, to, this.identity.nodeId, CANCEL),
      `{"i":"${this.instance}","n":${n}}`,
    );
  }
}

/** A Redis that answers nothing is not waited for. */
const goodByeMs = 1_000;

async function quit(client: Redis): Promise<void> {
  const ended = client.status === 'ready' ? client.quit() : undefined;
  if (!ended) return client.disconnect();
  // A connection that breaks while saying good-bye, or is not answered, is as closed as one that was.
  const unanswered = setTimeout(() => client.disconnect(), goodByeMs);
  await ended.catch(() => client.disconnect());
  clearTimeout(unanswered);
}

/** Channels of replies, by whom they go to. */
export const replyChannel = (clusterId: string, caller: string, callee: string): string =>
  channelOf(clusterId, caller, callee, REPLY);
