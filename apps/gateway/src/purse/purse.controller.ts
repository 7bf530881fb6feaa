import { Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import { z } from 'zod';
import {
  allowance,
  amountMicro,
  asset,
  ledgerEntry,
  pageOf,
  purse,
  tollAllowance,
  tollGrant,
  tollOpenPurse,
  tollPurse,
  tollStatement,
  tollUsage,
  usageEvent,
  uuid,
} from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named, namedRequest } from '../http/api-schema.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodQuery } from '../http/zod.pipe.js';
import { Budget } from '../inference/engine/budget.js';
import { CachedPrices, Grants } from '../inference/inference.adapters.js';
import { Once, onceRequestOf, sendAnswer } from '../once/once.js';
import { PeopleRepository } from '../people/people.repository.js';

const purseSchema = named('Purse', purse);
const allowanceSchema = named('Allowance', allowance);
const entrySchema = named('LedgerEntry', ledgerEntry);
const eventSchema = named('UsageEvent', usageEvent.omit({ blockId: true }));
const statementPage = named('StatementPage', pageOf(entrySchema).extend({ unposted: z.array(eventSchema) }));
const usageItem = named('UsageItem', usageEvent.omit({ blockId: true }).extend({ transferId: uuid.optional() }));
const usagePage = named('UsagePage', pageOf(usageItem));

const grantBody = namedRequest(
  'GrantMoney',
  z.strictObject({
    personId: uuid,
    amountMicro: amountMicro.refine((amount) => !amount.startsWith('-') && amount !== '0', 'must be more than nothing'),
    asset: asset.optional().describe("The price list's, when absent"),
    memo: z.string().max(200).default(''),
  }),
);
const grantSchema = named(
  'MoneyGrant',
  z.object({ transferId: uuid, personId: uuid, amountMicro, asset, balanceMicro: amountMicro }),
);

@Controller('v1')
export class PurseController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    private readonly audit: AuditLog,
    private readonly once: Once,
    private readonly people: PeopleRepository,
    private readonly prices: CachedPrices,
    private readonly budget: Budget,
    private readonly grants: Grants,
  ) {}

  @Get('purse')
  @ApiRoute({
    tag: 'toll',
    id: 'purse',
    summary: 'What I have',
    access: { scope: 'purse:read' },
    response: purseSchema,
    errors: ['no_node_available'],
  })
  purse(@Who() who: Principal): Promise<z.output<typeof purse>> {
    const { personId } = who;
    return this.opened(personId, async () => this.cluster.call(tollPurse, await this.forPerson(personId)));
  }

  @Get('purse/allowance')
  @ApiRoute({
    tag: 'toll',
    id: 'allowance',
    summary: 'What an empty purse gets today',
    description:
      'The essential allowance: one pool a day for all, of which `shareMicro` at most is for one person; it pays what an empty purse cannot.',
    access: { scope: 'purse:read' },
    response: allowanceSchema,
    errors: ['no_node_available'],
  })
  async allowance(@Who() who: Principal): Promise<z.output<typeof allowance>> {
    return this.cluster.call(tollAllowance, await this.forPerson(who.personId));
  }

  @Get('purse/statement')
  @ApiRoute({
    tag: 'toll',
    id: 'statement',
    summary: 'Entries of the ledger, newest first',
    description:
      '`unposted`: requests that the ledger takes up within a second; one that still runs is among them, at its price.',
    access: { scope: 'purse:read' },
    paged: true,
    response: statementPage,
    errors: ['cursor_invalid', 'no_node_available'],
  })
  async statement(
    @Who() who: Principal,
    @ZodQuery(pageQuery) query: PageQuery,
  ): Promise<z.output<typeof statementPage>> {
    const { personId } = who;
    const page = await this.opened(personId, async () =>
      this.cluster.call(tollStatement, { ...query, ...(await this.forPerson(personId)) }),
    );
    return { ...page, unposted: page.unposted.map(({ blockId: _block, ...event }) => event) };
  }

  @Get('purse/usage')
  @ApiRoute({
    tag: 'toll',
    id: 'usage',
    summary: 'Every request that a model was asked, newest first',
    description:
      'As it ended. One that still runs stands there as `answered`, at its price; where it comes to nothing it says `failed` and 0, before its caller is told.',
    access: { scope: 'purse:read' },
    paged: true,
    response: usagePage,
    errors: ['cursor_invalid', 'no_node_available'],
  })
  async usage(@Who() who: Principal, @ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof usagePage>> {
    const { personId } = who;
    const page = await this.opened(personId, async () =>
      this.cluster.call(tollUsage, { ...query, ...(await this.forPerson(personId)) }),
    );
    return { ...page, items: page.items.map(({ blockId: _block, ...event }) => event) };
  }

  @Post('grants')
  @ApiRoute({
    tag: 'toll',
    id: 'grantMoney',
    summary: 'Grant money to a person',
    access: { scope: 'grants:create' },
    status: 201,
    once: true,
    body: {
      schema: grantBody,
      example: { personId: '01926f0e-0000-7000-8000-000000000000', amountMicro: '1000000', memo: 'welcome' },
    },
    response: grantSchema,
    errors: ['role_missing', 'not_found', 'amount_invalid', 'malformed_body'],
  })
  async grant(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ZodBody(grantBody) body: z.output<typeof grantBody>,
  ): Promise<void> {
    const { personId, amountMicro: amount, memo } = body;
    const operator = await this.people.read(who.personId);
    const entry = { action: 'money.grant', subject: personId, details: { amountMicro: amount, memo } };
    const answer = await this.once.remote(onceRequestOf(request), (transferId) =>
      this.audit.around(who, request.id, entry, async () => {
        const person = await this.people.person(personId);
        if (!person || person.closedAt) throw new WatershedError('not_found', 'No such person.');
        const unit = body.asset ?? (await this.prices.list()).asset;
        const order = {
          transferId,
          personId,
          amountMicro: amount,
          asset: unit,
          memo,
          operatorId: operator?.operatorId ?? who.personId,
        };
        const { balanceMicro } = await this.opened(personId, async () =>
          this.cluster.call(tollGrant, { ...order, grant: await this.grants.fundGrant(order) }),
        );
        this.budget.credited(personId);
        return { status: 201, body: { transferId, personId, amountMicro: amount, asset: unit, balanceMicro } };
      }),
    );
    sendAnswer(reply, answer);
  }

  private async forPerson(personId: string): Promise<{ personId: string; grant: string }> {
    return { personId, grant: await this.grants.spendGrant(personId) };
  }

  /** A purse is opened after sign-up by the outbox; who asks sooner opens it here, which is the same purse. */
  private async opened<Result>(personId: string, ask: () => Promise<Result>): Promise<Result> {
    try {
      return await ask();
    } catch (error) {
      if (!isWatershedError(error, 'not_found')) throw error;
      await this.cluster.call(tollOpenPurse, await this.forPerson(personId));
      return ask();
    }
  }
}
