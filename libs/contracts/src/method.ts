import type { z } from 'zod';
import type { ServiceName } from './primitives.js';

/** One call that crosses the bus: who answers it, what goes over, who may ask. Parsed at both ends. */
export interface BusMethod<Request extends z.ZodType = z.ZodType, Response extends z.ZodType = z.ZodType> {
  readonly kind: 'method';
  /** The last segment of the channel: `[A-Za-z0-9_-]`, prefixed by the service that answers. */
  readonly name: string;
  readonly service: ServiceName;
  readonly request: Request;
  readonly response: Response;
  /**
   * Services that may call it; any other caller is refused by whoever answers, whatever the request says. Those that do
   * call it and no more: one more is one more node whose theft matters here.
   */
  readonly callers: readonly ServiceName[];
  /** Whether a call whose answer was lost may be made again, at this node or another. */
  readonly idempotent: boolean;
  readonly timeoutMs: number;
}

/** One announcement to whoever listens in the cluster. No answer, no guarantee of delivery. */
export interface BusBroadcast<Payload extends z.ZodType = z.ZodType> {
  readonly kind: 'broadcast';
  readonly name: string;
  readonly payload: Payload;
  readonly senders: readonly ServiceName[];
}

export function defineMethod<Request extends z.ZodType, Response extends z.ZodType>(
  method: Omit<BusMethod<Request, Response>, 'kind'>,
): BusMethod<Request, Response> {
  return { kind: 'method', ...method };
}

export function defineBroadcast<Payload extends z.ZodType>(
  broadcast: Omit<BusBroadcast<Payload>, 'kind'>,
): BusBroadcast<Payload> {
  return { kind: 'broadcast', ...broadcast };
}

export type RequestOf<Method> = Method extends BusMethod<infer Request, z.ZodType> ? z.input<Request> : never;
export type ParsedRequestOf<Method> = Method extends BusMethod<infer Request, z.ZodType> ? z.output<Request> : never;
export type ResponseOf<Method> = Method extends BusMethod<z.ZodType, infer Response> ? z.output<Response> : never;
export type PayloadOf<Broadcast> = Broadcast extends BusBroadcast<infer Payload> ? z.output<Payload> : never;
