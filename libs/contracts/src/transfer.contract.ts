import { z } from 'zod';
import { uuid } from './primitives.js';

/** Life of a transfer token from its reservation to its first use. */
export const transferTokenLifetimeMs = 30_000;

/** Where content may be sent to or taken from, once, under a token that only its receiver's hash can recognise. */
export const transferTicket = z.object({
  url: z.url(),
  token: z.string().min(43).max(64),
  maxBytes: z.number().int().positive(),
});
export type TransferTicket = z.infer<typeof transferTicket>;

/** The most tickets that are given ahead at once. */
export const ticketsInABook = 32;

/** Tickets for contents that may come, all alike but for the token. */
export const ticketBook = transferTicket.omit({ token: true }).extend({
  tokens: z.array(transferTicket.shape.token).min(1).max(ticketsInABook),
});
export type TicketBook = z.infer<typeof ticketBook>;

/** The one refusal that stands in for a ticket when many are asked for at once. */
export const refusal = z.object({
  code: z.string(),
  message: z.string(),
  details: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]))
    .optional(),
  retryAfterMs: z.number().optional(),
});

export const transferItem = z.object({
  /** Names the transfer in logs and metering; chosen by the caller. */
  taskId: uuid,
  /** Index into `grants` of the person's grant that covers it. */
  grant: z.number().int().nonnegative(),
  sizeBytes: z.number().int().nonnegative(),
});
