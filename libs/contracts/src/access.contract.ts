import { z } from 'zod';
import { nodeManifest } from './documents.js';
import { defineMethod } from './method.js';
import { instant, serviceName, sha256, thumbprint } from './primitives.js';

/** Life of a join ticket where its issuer names no other. */
export const joinTicketSeconds = 3_600;

/** What a ticket lets in: one node, known by its key's thumbprint, with these services and no others. */
export const joinTicketScope = z.object({
  nodeId: thumbprint,
  services: z.array(serviceName).min(1).max(9),
  expiresInSeconds: z.number().int().min(60).max(604_800).default(joinTicketSeconds),
});

/**
 * Keeps a ticket that the gateway has made: its hash, so that neither Redis nor a backup ever holds what lets a node in.
 * Refused for an expelled node (`node_expelled`). Repeated with the same hash: the same ticket.
 */
export const governanceIssueTicket = defineMethod({
  name: 'governance-issue-ticket',
  service: 'governance',
  request: joinTicketScope.extend({ ticketSha256: sha256, issuedBy: z.string().min(1).max(120) }),
  response: z.object({ expiresAt: instant }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** A SCRAM-SHA-256 verifier (RFC 5803), as Postgres keeps it. */
export const scramVerifierText = z
  .string()
  .max(256)
  .regex(/^SCRAM-SHA-256\$\d{4,6}:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$/);

/** What a node says of the passwords that it chose: never the passwords. */
export const joinSecrets = z.object({
  redisPasswordSha256: sha256,
  /** Where its services own tables. */
  databaseVerifier: scramVerifierText.optional(),
});

/** Where a node that has joined logs in, with its own id and the passwords that it chose. */
export const joinAnswer = z.object({
  clusterId: thumbprint,
  /** With the user's name, without a password. */
  redisUrl: z.string(),
  databaseUrl: z.string().optional(),
  /** Authorities (PEM) that vouch for both, where they speak TLS and not everybody knows who vouches for them. */
  authority: z.string().max(65_536).optional(),
});
export type JoinLogins = z.infer<typeof joinAnswer>;

/**
 * Redeems a ticket: once, by a compare-and-set, together with the logins that it gives. The same request, whose answer was
 * lost, gets the same answer until the ticket expires. Refused, and nothing changed:
 * `ticket_invalid` (unknown or withdrawn), `ticket_used`, `ticket_expired`, `ticket_mismatch` (another node or service),
 * `manifest_invalid`, `node_address_refused`, `signature_invalid`, `node_expelled`, `conflict` (this cluster's Redis login may make no users).
 */
export const governanceRedeemTicket = defineMethod({
  name: 'governance-redeem-ticket',
  service: 'governance',
  request: joinSecrets.extend({ ticketSha256: sha256, manifest: nodeManifest }),
  response: joinAnswer,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 10_000,
});
