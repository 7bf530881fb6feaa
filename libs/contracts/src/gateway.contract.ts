import { z } from 'zod';
import { defineBroadcast, defineMethod } from './method.js';
import { uuid } from './primitives.js';

/** Tells the other gateways to forget what they cached of a key or a person. */
export const accessChanged = defineBroadcast({
  name: 'access-changed',
  payload: z.object({ keyId: uuid.optional(), personId: uuid.optional() }),
  senders: ['gateway'],
});

/** A person's requests in a window, and what is left of the window. */
const rateCount = z.object({ key: uuid, count: z.number().int().positive(), leftMs: z.number().positive() });

/** Windows that one gateway tells another of at most. */
export const maxRateWindows = 5_000;

/** What a gateway has let through of persons' requests since it last said so: their limits are the cluster's. */
export const gatewayCountRates = defineMethod({
  name: 'gateway-count-rates',
  service: 'gateway',
  request: z.object({ counts: z.array(rateCount).max(1_000) }),
  response: z.object({}),
  callers: ['gateway'],
  idempotent: false,
  timeoutMs: 1_000,
});

/**
 * What a gateway knows of persons' requests at all gateways in the windows that still last, the most counted first: a gateway
 * that starts takes it over from the others instead of beginning at nothing.
 */
export const gatewayRates = defineMethod({
  name: 'gateway-rates',
  service: 'gateway',
  request: z.object({}),
  response: z.object({ counts: z.array(rateCount).max(maxRateWindows) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 1_000,
});
