import { z } from 'zod';
import { defineBroadcast, defineMethod } from './method.js';
import { uuid } from './primitives.js';

/** Tells the other gateways to forget what they cached of a key or a person. */
export const accessChanged = defineBroadcast({
  name: 'access-changed',
  payload: z.object({ keyId: uuid.optional(), personId: uuid.optional() }),
  senders: ['gateway'],
});

/** What a gateway has let through of persons' requests since it last said so: their limits are the cluster's. */
export const gatewayCountRates = defineMethod({
  name: 'gateway-count-rates',
  service: 'gateway',
  request: z.object({
    counts: z
      .array(z.object({ key: uuid, count: z.number().int().positive(), leftMs: z.number().positive() }))
      .max(1_000),
  }),
  response: z.object({}),
  callers: ['gateway'],
  idempotent: false,
  timeoutMs: 1_000,
});
