import { z } from 'zod';
import { defineBroadcast } from './method.js';
import { uuid } from './primitives.js';

/** Tells the other gateways to forget what they cached of a key or a person. */
export const accessChanged = defineBroadcast({
  name: 'access-changed',
  payload: z.object({ keyId: uuid.optional(), personId: uuid.optional() }),
  senders: ['gateway'],
});
