import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import {
  type DataLocationPolicy,
  type GrantAction,
  grantLifetimeSeconds,
  type MoneyOrder,
  type NodeEntry,
  type NodeId,
  type PriceList,
  runnerReserve,
  type TicketBook,
  type TransferTicket,
  tollDraw,
  tollOpenPurse,
  tollPrices,
  tollReleaseBlock,
} from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { defaultPolicy, evaluate, type PolicyVerdict } from '#policy';
import { priceOf } from '#pricing';
import { moneyOrderDigest, type Sigil, signGrant } from '#sigil';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { BudgetPort } from './engine/budget.js';
import { type BatchOutcome, Coalescer } from './engine/coalescer.js';
import type {
  GrantPort,
  PolicyPort,
  PricePort,
  ReserveItem,
  RunnerRequest,
  RunnersPort,
  Verdict,
} from './engine/inference.ports.js';
import { errorOfRefusal } from './engine/runner-refusal.js';

/** Runners as the watch of the index knows them. */
export class IndexRunners implements RunnersPort {
  constructor(private readonly cluster: GatewayCluster) {}

  pick({ model, version, except }: RunnerRequest): Verdict {
    const serves = (entry: NodeEntry, ready: boolean) =>
      entry.models.some(
        (each) => each.name === model && (each.ready || !ready) && (version === undefined || each.version === version),
      );
    const entry = this.cluster.pick('runner', (each) => !except.includes(each.nodeId) && serves(each, true));
    if (!entry) return { known: this.cluster.find('runner').some((each) => serves(each, false)) };
    const ready = entry.models.filter((each) => each.name === model && each.ready);
    const newest = version ?? ready.map((each) => each.version).sort(newestFirst)[0] ?? '';
    return { runner: { nodeId: entry.nodeId, region: entry.manifest.region, version: newest } };
  }

  begin(nodeId: NodeId): void {
    this.cluster.begin(nodeId);
  }

  report(nodeId: NodeId, outcome: { ok: boolean; latencyMs: number }): void {
    this.cluster.report(nodeId, outcome);
  }
}

/** Good enough to order releases; a prerelease comes after its release. */
function newestFirst(one: string, other: string): number {
  const numbers = (version: string) => version.split('-', 1)[0]?.split('.').map(Number) ?? [];
  const [a, b] = [numbers(one), numbers(other)];
  for (let at = 0; at < 3; at++) if ((a[at] ?? 0) !== (b[at] ?? 0)) return (b[at] ?? 0) - (a[at] ?? 0);
  return one.length - other.length;
}

/** `ahead`: so many tickets, for contents that may come. */
type WantedItem = ReserveItem & { readonly ahead?: number };

const ticketsOf = (given: TransferTicket | TicketBook): readonly TransferTicket[] =>
  'tokens' in given ? given.tokens.map((token) => ({ url: given.url, token, maxBytes: given.maxBytes })) : [given];

const originOf = (url: string | undefined): string | undefined => (url === undefined ? undefined : new URL(url).origin);

/** Content goes to the node that was chosen, where its signed manifest says: not to whatever else this machine reaches. */
const elsewhere = () =>
  new WatershedError('node_unreachable', 'The runner named another place for its content than its manifest does.', {
    retryAfterMs: 1_000,
  });

/** Reservations at one runner travel together: all that came in while the last call was under way. */
export class BatchedReservations {
  private readonly byRunner = new Map<NodeId, Coalescer<WantedItem, readonly TransferTicket[]>>();

  constructor(private readonly cluster: GatewayCluster) {}

  async reserve(nodeId: NodeId, item: ReserveItem): Promise<TransferTicket> {
    const [ticket] = await this.add(nodeId, item);
    if (!ticket) throw new WatershedError('internal', 'The runner gave a book without a ticket.');
    return ticket;
  }

  /** As many as asked for, each for one content of `sizeBytes` at most. */
  reserveAhead(nodeId: NodeId, item: ReserveItem, count: number): Promise<readonly TransferTicket[]> {
    return this.add(nodeId, { ...item, ahead: count });
  }

  private add(nodeId: NodeId, item: WantedItem): Promise<readonly TransferTicket[]> {
    let coalescer = this.byRunner.get(nodeId);
    if (!coalescer) {
      coalescer = new Coalescer({
        maxBatch: 256,
        concurrency: 2,
        lingerMs: 1,
        bind: this.cluster.tracing?.bind,
        send: (items) => this.send(nodeId, items),
      });
      this.byRunner.set(nodeId, coalescer);
      this.forgetIdle();
    }
    return coalescer.add(item);
  }

  private async send(nodeId: NodeId, items: readonly WantedItem[]): Promise<BatchOutcome<readonly TransferTicket[]>[]> {
    const places = new Map<string, number>();
    const wire = items.map(({ grant, ...item }) => {
      const place = places.get(grant) ?? places.size;
      places.set(grant, place);
      return { ...item, grant: place };
    });
    const answer = await this.cluster.call(runnerReserve, { grants: [...places.keys()], items: wire }, { to: nodeId });
    const own = originOf(this.cluster.nodes().find((node) => node.nodeId === nodeId)?.manifest.url);
    return answer.items.map((each) => {
      if ('refusal' in each) return { ok: false, error: errorOfRefusal(each.refusal) };
      return originOf(each.url) === own ? { ok: true, value: ticketsOf(each) } : { ok: false, error: elsewhere() };
    });
  }

  /** Runners come and go; what belongs to those that went is let go with them. */
  private forgetIdle(): void {
    if (this.byRunner.size <= 256) return;
    for (const [nodeId, coalescer] of this.byRunner) if (coalescer.idle) this.byRunner.delete(nodeId);
  }
}

/** Budget blocks at toll, in the asset of its price list. */
export class TollBudget implements BudgetPort {
  constructor(
    private readonly cluster: GatewayCluster,
    private readonly prices: CachedPrices,
    private readonly grants: Pick<Grants, 'spendGrant'>,
  ) {}

  async draw(request: { blockId: string; personId: string; atLeastMicro: bigint; wantedMicro: bigint }) {
    const { blockId, personId } = request;
    const [{ asset }, grant] = await Promise.all([this.prices.list(), this.grants.spendGrant(personId)]);
    const draw = () =>
      this.cluster.call(tollDraw, {
        blockId,
        personId,
        grant,
        asset,
        atLeastMicro: request.atLeastMicro.toString(),
        wantedMicro: request.wantedMicro.toString(),
      });
    const drawn = await draw().catch(async (error: unknown) => {
      // Signed up a moment ago: the outbox opens the purse as well, but whoever is first will do.
      if (!isWatershedError(error, 'not_found')) throw error;
      await this.cluster.call(tollOpenPurse, { personId, grant });
      return draw();
    });
    return { blockId: drawn.blockId, amountMicro: BigInt(drawn.amountMicro), expiresAt: new Date(drawn.expiresAt) };
  }

  async release(blockId: string): Promise<void> {
    await this.cluster.call(tollReleaseBlock, { blockId });
  }
}

/**
 * Toll's price list, asked for again every few seconds while it is used. While toll cannot be asked, the last list holds
 * for a minute: prices change rarely, and the amount a person is charged is the one in the answer they get.
 */
export class CachedPrices implements PricePort {
  private known?: { readonly list: PriceList; readonly atMs: number };
  private asking?: Promise<PriceList>;

  constructor(
    private readonly cluster: GatewayCluster,
    private readonly options: { readonly freshMs: number; readonly staleMs: number; readonly now?: () => number },
  ) {}

  async priceOf(model: string, inputBytes: number): Promise<{ amountMicro: bigint; asset: string }> {
    const list = await this.list();
    return { amountMicro: priceOf(list, model, inputBytes), asset: list.asset };
  }

  async list(): Promise<PriceList> {
    const age = this.known ? this.now() - this.known.atMs : Number.POSITIVE_INFINITY;
    if (this.known && age < this.options.freshMs) return this.known.list;
    const asked = this.ask();
    if (!this.known || age >= this.options.staleMs) return asked;
    asked.catch(() => undefined); // the last list holds; who comes after `staleMs` is told
    return this.known.list;
  }

  forget(): void {
    this.known = undefined;
  }

  private ask(): Promise<PriceList> {
    this.asking ??= this.cluster
      .call(tollPrices, {})
      .then(({ priceList }) => {
        const unchanged = this.known?.list.version === priceList.version ? this.known.list : priceList;
        this.known = { list: unchanged, atMs: this.now() };
        return unchanged;
      })
      .finally(() => {
        this.asking = undefined;
      });
    return this.asking;
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

/** Grants, signed once in most of their life and reused. */
export class Grants implements GrantPort {
  private readonly signed: LRUCache<string, Promise<string>>;
  private readonly texts = new WeakMap<DataLocationPolicy, string>();

  constructor(
    private readonly parts: {
      readonly sigil: Sigil;
      readonly nodeId: NodeId;
      readonly clusterId: string;
      readonly region: string;
    },
  ) {
    this.signed = new LRUCache({ max: 10_000, ttl: (grantLifetimeSeconds - 15) * 1000 });
  }

  inferenceGrant(personId: string, policy: DataLocationPolicy): Promise<string> {
    return this.grant(personId, 'infer', policy);
  }

  /** Lets toll move and show this person's money; it lets nobody touch their data. */
  spendGrant(personId: string): Promise<string> {
    return this.grant(personId, 'spend', defaultPolicy(this.parts.region));
  }

  /** Lets toll create this money and no other; signed for the one order, and so never reused. */
  fundGrant(order: MoneyOrder): Promise<string> {
    return this.sign(order.personId, 'fund', defaultPolicy(this.parts.region), moneyOrderDigest(order));
  }

  grant(personId: string, action: Exclude<GrantAction, 'fund'>, policy: DataLocationPolicy): Promise<string> {
    const name = `${personId} ${action} ${this.textOf(policy)}`;
    const known = this.signed.get(name);
    if (known) return known;
    const signing = this.sign(personId, action, policy);
    this.signed.set(name, signing);
    signing.catch(() => this.signed.delete(name));
    return signing;
  }

  /** Written once for as long as the policy object lives. */
  private textOf(policy: DataLocationPolicy): string {
    const known = this.texts.get(policy);
    if (known !== undefined) return known;
    const text = JSON.stringify(policy);
    this.texts.set(policy, text);
    return text;
  }

  private sign(personId: string, action: GrantAction, policy: DataLocationPolicy, order?: string): Promise<string> {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: this.parts.nodeId, aud: this.parts.clusterId, sub: personId, action, policy, order };
    return signGrant({ ...claims, jti: uuidv7(), iat, exp: iat + grantLifetimeSeconds }, this.parts.sigil);
  }
}

/** The one judgement of `libs/policy`, remembered for as long as the policy object lives. */
export class InferencePolicy implements PolicyPort {
  private readonly judged = new WeakMap<DataLocationPolicy, Map<string, PolicyVerdict>>();

  assertInference(policy: DataLocationPolicy, homeRegion: string, region: string): void {
    const places = this.judged.get(policy) ?? new Map<string, PolicyVerdict>();
    this.judged.set(policy, places);
    const place = `${homeRegion} ${region}`;
    const verdict = places.get(place) ?? evaluate({ policy, action: 'infer', destinationRegion: region, homeRegion });
    places.set(place, verdict);
    if (!verdict.allowed) throw new WatershedError(verdict.code, verdict.reason, { details: { region } });
  }
}
