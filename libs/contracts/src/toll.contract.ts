import { z } from 'zod';
import { signedDocument } from './documents.js';
import { grantText } from './grant.js';
import { defineBroadcast, defineMethod } from './method.js';
import { amountMicro, asset, instant, modelName, pageOf, pageRequest, thumbprint, uuid } from './primitives.js';

/** What one model costs: `baseMicro` a request and `perKibMicro` for each KiB of input begun. */
export const modelPrice = z.object({ model: modelName, baseMicro: amountMicro, perKibMicro: amountMicro });
/** Prices of a cluster, signed by its toll. A model without a line of its own costs `default`. */
export const priceList = signedDocument({
  type: z.literal('watershed/price-list'),
  clusterId: thumbprint,
  version: z.number().int().positive(),
  asset,
  default: z.object({ baseMicro: amountMicro, perKibMicro: amountMicro }),
  models: z.array(modelPrice),
  validFrom: instant,
});
export type PriceList = z.infer<typeof priceList>;

export const tollPrices = defineMethod({
  name: 'toll-prices',
  service: 'toll',
  request: z.object({}),
  response: z.object({ priceList }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});

export const tollSetPrice = defineMethod({
  name: 'toll-set-price',
  service: 'toll',
  request: modelPrice,
  response: z.object({ priceList }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** A nudge that a new price list is in force; who caches prices asks for `toll-prices`. */
export const pricesChanged = defineBroadcast({
  name: 'prices-changed',
  payload: z.object({ version: z.number().int().positive() }),
  senders: ['toll'],
});

/**
 * What is asked or moved for a person carries a grant to `spend` for that person, signed by a gateway: without one, or with
 * one that expired, is another person's or was signed by nobody who may, `grant_invalid`, and nothing is done.
 */
const forPerson = { personId: uuid, grant: grantText };

/** Opens a person's purse, with the opening balance that the cluster's rule gives. Repeated: the same purse. */
export const tollOpenPurse = defineMethod({
  name: 'toll-open-purse',
  service: 'toll',
  request: z.object(forPerson),
  response: z.object({ personId: uuid, balanceMicro: amountMicro, asset }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/**
 * Closes a purse for good; what is free in it goes back to issuance. Repeated: what has become free since. `settled` once
 * nothing is held any more, so that nothing can come back into it.
 */
export const tollClosePurse = defineMethod({
  name: 'toll-close-purse',
  service: 'toll',
  request: z.object(forPerson),
  response: z.object({ settled: z.boolean(), returnedMicro: amountMicro, asset }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** The essential allowance of the day (UTC, by Postgres's clock), as one person sees it. */
export const allowance = z.object({
  asset,
  day: z.iso.date(),
  endsAt: instant,
  /** What the day gives to all together. */
  poolMicro: amountMicro,
  givenMicro: amountMicro,
  /** The most that one person gets. */
  shareMicro: amountMicro,
  /** What this person had of it, and what may still come. */
  mineMicro: amountMicro,
  leftMicro: amountMicro,
});

export const tollAllowance = defineMethod({
  name: 'toll-allowance',
  service: 'toll',
  request: z.object(forPerson),
  response: allowance,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});

export const purse = z.object({
  personId: uuid,
  asset,
  balanceMicro: amountMicro.describe('Posted credits less posted debits, in millionths of the asset'),
  heldMicro: amountMicro.describe('Set aside for budget blocks and holds, in millionths of the asset'),
  unpostedMicro: amountMicro.describe(
    'Answered requests whose usage is durable but not yet posted to the ledger, in millionths of the asset',
  ),
  availableMicro: amountMicro.describe('What may still be spent: balance − held, in millionths of the asset'),
});
export type Purse = z.infer<typeof purse>;

export const tollPurse = defineMethod({
  name: 'toll-purse',
  service: 'toll',
  request: z.object(forPerson),
  response: purse,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});

/** Money that an operator creates for a person, out of the cluster's issuance account. */
export const moneyOrder = z.object({
  transferId: uuid,
  personId: uuid,
  amountMicro,
  asset,
  operatorId: z.string(),
  memo: z.string().max(200),
});
export type MoneyOrder = z.infer<typeof moneyOrder>;

/**
 * An operator's grant of money to a person. Its grant is to `fund`, names the digest of this very order, and is signed by the
 * gateway that calls: any other is `grant_invalid`, and nothing is done. So who overhears one can only ask for the same
 * transfer again. Repeated, under whatever valid grant: the balance after the first time.
 */
export const tollGrant = defineMethod({
  name: 'toll-grant',
  service: 'toll',
  request: moneyOrder.extend({ grant: grantText }),
  response: z.object({ transferId: uuid, balanceMicro: amountMicro }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/**
 * A durable block of budget: the amount is held on the ledger for one gateway instance, which then spends it in memory.
 * `atLeastMicro` must fit or the call is refused (`purse_empty`); up to `wantedMicro` is given where the purse has it. An
 * empty purse is given `atLeastMicro` out of the day's essential allowance, as long as that lasts.
 * Repeated with the same `blockId`: the same block, renewed; its holder does so well before `expiresAt`. After that the
 * block is posted and given back (`transfer_settled` from then on). Another node's block: `caller_not_allowed`.
 */
export const tollDraw = defineMethod({
  name: 'toll-draw',
  service: 'toll',
  request: z.object({ ...forPerson, blockId: uuid, asset, atLeastMicro: amountMicro, wantedMicro: amountMicro }),
  response: z.object({ blockId: uuid, amountMicro, expiresAt: instant }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});

export const usageEvent = z.object({
  /** With `source` (the gateway's node id) unique for ever: a repeated event is answered, not counted again. */
  usageId: uuid,
  blockId: uuid,
  personId: uuid,
  kind: z.enum(['infer']),
  model: modelName,
  inputBytes: z.number().int().nonnegative(),
  amountMicro,
  outcome: z.enum(['answered', 'abandoned', 'failed']),
  occurredAt: instant,
});
export type UsageEvent = z.infer<typeof usageEvent>;

/**
 * Makes usage durable, many at a time; answered after the commit. An event that was recorded before is not counted
 * again. `refused` lists what was not recorded: `budget_exhausted` (beyond its block), `transfer_settled` (the block was
 * released or has expired), `transfer_unknown` (no such block), `caller_not_allowed` (another node's block), `conflict`
 * (the id stands for another event, or the block is another person's), `amount_invalid`.
 */
export const tollRecordUsage = defineMethod({
  name: 'toll-record-usage',
  service: 'toll',
  request: z.object({ events: z.array(usageEvent).min(1).max(2_000) }),
  response: z.object({ refused: z.array(z.object({ usageId: uuid, code: z.string() })) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

/**
 * How usage ended whose row was written beside its request: with another outcome, or for less. What it costs less goes back into
 * its block, or to the purse by a `refund` where the ledger has moved already. Usage that was never recorded is recorded as it
 * ended, so that what may still be on its way is refused. Repeated: the same. `refused` lists what was not done: `conflict`
 * (another event, or amended otherwise before), `amount_invalid` (more than its row says), `transfer_unknown` (no such block),
 * `caller_not_allowed` (another node's block), `purse_empty` (the refund is more than the revenue that is left).
 */
export const tollAmendUsage = defineMethod({
  name: 'toll-amend-usage',
  service: 'toll',
  request: z.object({ events: z.array(usageEvent).min(1).max(1_000) }),
  response: z.object({ refused: z.array(z.object({ usageId: uuid, code: z.string() })) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});

/** Posts a block's usage and gives back what is left, in one commit. Repeated: nothing more. */
export const tollReleaseBlock = defineMethod({
  name: 'toll-release-block',
  service: 'toll',
  request: z.object({ blockId: uuid }),
  response: z.object({}),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** A line of a person's statement: one posted transfer, with the usage it lists. */
export const ledgerEntry = z.object({
  transferId: uuid,
  kind: z.enum(['opening', 'grant', 'usage', 'hold', 'capture', 'void', 'refund', 'allowance', 'closing']),
  amountMicro,
  asset,
  balanceAfterMicro: amountMicro,
  usageIds: z.array(uuid),
  memo: z.string(),
  postedAt: instant,
});
export type LedgerEntry = z.infer<typeof ledgerEntry>;

export const tollStatement = defineMethod({
  name: 'toll-statement',
  service: 'toll',
  request: pageRequest.extend(forPerson),
  response: pageOf(ledgerEntry).extend({ unposted: z.array(usageEvent) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const tollUsage = defineMethod({
  name: 'toll-usage',
  service: 'toll',
  request: pageRequest.extend(forPerson),
  response: pageOf(usageEvent.extend({ transferId: uuid.optional() })),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

const transferState = z.object({ transferId: uuid, state: z.enum(['pending', 'posted', 'voided']), amountMicro });

/** First phase: sets an amount aside for `payee` until captured, voided, or past `expiresAt` by Postgres's clock. */
export const tollHold = defineMethod({
  name: 'toll-hold',
  service: 'toll',
  request: z.object({
    transferId: uuid,
    ...forPerson,
    payee: z.string().max(120),
    amountMicro,
    asset,
    expiresAt: instant,
  }),
  response: transferState,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** Second phase: captures up to the held amount, once; what is left goes back. */
export const tollCapture = defineMethod({
  name: 'toll-capture',
  service: 'toll',
  request: z.object({ transferId: uuid, amountMicro }),
  response: transferState,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const tollVoid = defineMethod({
  name: 'toll-void',
  service: 'toll',
  request: z.object({ transferId: uuid }),
  response: transferState,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** Sums that an auditor checks: every asset's ledger must sum to zero. */
export const tollTotals = defineMethod({
  name: 'toll-totals',
  service: 'toll',
  request: z.object({}),
  response: z.object({
    assets: z.array(
      z.object({
        asset,
        sumMicro: amountMicro,
        usageMicro: amountMicro,
        postedUsageMicro: amountMicro,
        heldMicro: amountMicro,
      }),
    ),
    usageEvents: z.number().int(),
    unpostedUsageEvents: z.number().int(),
  }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 10_000,
});
