import { z } from 'zod';
import { defineMethod } from '#contracts';

/** One process of the bench, told on its command line as JSON. */
export interface WorkerRole {
  readonly kind: 'ours' | 'bare';
  readonly role: 'callee' | 'caller';
  readonly redisUrl: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly calleeId: string;
  readonly callerIds: readonly string[];
}

/** What a process is told, and what it answers. */
export type ToWorker = { readonly run: { readonly inFlight: number; readonly ms: number } } | { readonly end: true };
export type FromWorker =
  | { readonly ready: true }
  | { readonly done: { readonly calls: number; readonly errors: number; readonly elapsedMs: number } };

/** As large as a small call of ours: an id, an amount, a few words. */
export const benchCall = defineMethod({
  name: 'bench-echo',
  service: 'toll',
  request: z.object({ id: z.string(), amountMicro: z.string(), text: z.string().max(1_000) }),
  response: z.object({ id: z.string(), text: z.string() }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 20_000,
});
export const benchRequest = {
  id: '0190a6d2-7f7a-7000-8000-000000000001',
  amountMicro: '1000000',
  text: 'x'.repeat(64),
};
