import type { Registry } from 'prom-client';
import type { z } from 'zod';
import type { BusBroadcast, BusMethod, NodeEntry, NodeId, ParsedRequestOf, ResponseOf, ServiceName } from '#contracts';
import type { Neighbours } from './neighbours.js';
import type { NodeDirectory } from './node-directory.port.js';

/** Who speaks on this bus. */
export interface BusIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly services: readonly ServiceName[];
}

/** Who calls, as read from the channel and the directory, never from the message. */
export interface Caller {
  readonly nodeId: NodeId;
  readonly services: readonly ServiceName[];
  /** When the caller stops waiting, on this process's `performance.now()` clock. */
  readonly deadline: number;
  /** Aborts when the caller cancels or its deadline passes. */
  readonly signal: AbortSignal;
}

export type BusStatus = 'connecting' | 'connected' | 'reconnecting' | 'closed';

export interface CallOptions {
  /**
   * This node and no other; absent: the directory picks one, and idempotent calls fail over. Either way they are given
   * once more to a node that has started anew.
   */
  readonly to?: NodeId;
  /** How long the caller waits in all, failing over included; the method's own when absent. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Narrows the choice when `to` is absent. */
  readonly among?: (entry: NodeEntry) => boolean;
}

export type MethodHandler<M extends BusMethod> = (
  request: ParsedRequestOf<M>,
  caller: Caller,
) => Promise<ResponseInputOf<M>> | ResponseInputOf<M>;

/** What a handler returns: the response before its schema's defaults. */
export type ResponseInputOf<M> = M extends BusMethod<z.ZodType, infer Response> ? z.input<Response> : never;
export type PayloadInputOf<B> = B extends BusBroadcast<infer Payload> ? z.input<Payload> : never;
export type { ResponseOf };

/** The part of a pino logger that the bus writes to. */
export interface BusLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How a trace crosses: W3C traceparent out, and back in around the handler. */
export interface TraceContext {
  current(): string | undefined;
  run<T>(traceparent: string, fn: () => T): T;
  /** Records calls as spans; absent where nothing is traced. */
  readonly spans?: BusSpans;
}

/** The part of `Tracing` that the bus uses. */
export interface BusSpans {
  span<T>(name: string, role: 'client', attributes: Readonly<Record<string, string>>, fn: () => Promise<T>): Promise<T>;
  receive<T>(
    traceparent: string | undefined,
    name: string,
    attributes: Readonly<Record<string, string>>,
    fn: () => Promise<T>,
  ): Promise<T>;
}

export interface BusOptions {
  /** Absent: calls carry no trace. */
  readonly trace?: TraceContext;
  readonly redisUrl: string;
  readonly identity: BusIdentity;
  readonly directory: NodeDirectory;
  readonly logger: BusLogger;
  readonly metrics: { readonly registry: Registry };
  /** The other nodes of this process; absent: everything goes by Redis. */
  readonly neighbours?: Neighbours | undefined;
  /** How long `connect` waits for Redis before `bus_unavailable`. 10 s when absent. */
  readonly connectTimeoutMs?: number;
}
