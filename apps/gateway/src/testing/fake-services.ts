import {
  type ModelVersion,
  orchestratorPlacements,
  type PublicJwk,
  registryModel,
  runnerReserve,
  tollAmendUsage,
  tollClosePurse,
  tollDraw,
  tollGrant,
  tollOpenPurse,
  tollPrices,
  tollPurse,
  tollRecordUsage,
  tollReleaseBlock,
  type UsageEvent,
} from '#contracts';
import { WatershedError } from '#errors';
import { GrantVerifier, moneyOrderDigest } from '#sigil';
import type { FakeCluster } from './fake-cluster.js';

interface FakeBlock {
  readonly personId: string;
  readonly amountMicro: bigint;
  usedMicro: bigint;
  released: boolean;
}

/** Toll and runner in memory, with the rules that the gateway relies on. */
export class FakeServices {
  readonly purses = new Map<string, bigint>();
  readonly closedPurses = new Set<string>();
  readonly blocks = new Map<string, FakeBlock>();
  readonly usage = new Map<string, UsageEvent>();
  openingMicro = 1_000_000n;
  /** The gateway's, as its manifest would list them: money is created under a grant of theirs alone, as toll does it. */
  grantKeys: readonly PublicJwk[] = [];

  constructor(readonly cluster: FakeCluster) {
    this.toll();
    this.runner();
    cluster.handle(orchestratorPlacements, () => ({ items: [] }));
    cluster.handle(registryModel, ({ name }) => {
      if (this.distributed.has(name)) return approvedVersion(name);
      throw new WatershedError('model_unknown', 'No such model.');
    });
  }

  /** Names of models that the registry distributes. */
  readonly distributed = new Set<string>();

  heldMicro(personId: string): bigint {
    let held = 0n;
    for (const block of this.blocks.values())
      if (block.personId === personId && !block.released) held += block.amountMicro - block.usedMicro;
    return held;
  }

  private toll(): void {
    const { cluster } = this;
    cluster.handle(tollPrices, () => ({
      priceList: {
        type: 'watershed/price-list',
        clusterId: cluster.clusterId,
        version: 1,
        asset: 'drop',
        default: { baseMicro: '100', perKibMicro: '50' },
        models: [],
        validFrom: new Date(0).toISOString(),
        signatures: [{ protected: '', signature: '' }],
      },
    }));
    cluster.handle(tollOpenPurse, ({ personId }) => {
      if (!this.purses.has(personId)) this.purses.set(personId, this.openingMicro);
      return { personId, balanceMicro: String(this.purses.get(personId)), asset: 'drop' };
    });
    cluster.handle(tollClosePurse, ({ personId }) => {
      const held = this.heldMicro(personId);
      const returned = (this.purses.get(personId) ?? 0n) - held;
      this.purses.set(personId, held);
      this.closedPurses.add(personId);
      return { settled: held === 0n, returnedMicro: `${returned}`, asset: 'drop' };
    });
    cluster.handle(tollPurse, ({ personId }) => {
      const balance = this.balance(personId);
      const held = this.heldMicro(personId);
      return {
        personId,
        asset: 'drop',
        balanceMicro: `${balance}`,
        heldMicro: `${held}`,
        unpostedMicro: '0',
        availableMicro: `${balance - held}`,
      };
    });
    const grants = new GrantVerifier({ clusterId: cluster.clusterId, keysFor: () => this.grantKeys });
    cluster.handle(tollGrant, async ({ grant, ...order }) => {
      const { personId, transferId, amountMicro } = order;
      const { sub, iss } = await grants.verify(grant, { action: 'fund', order: moneyOrderDigest(order) });
      if (sub !== personId || iss !== cluster.nodeId) throw new WatershedError('grant_invalid', 'Of another call.');
      this.purses.set(personId, this.balance(personId) + BigInt(amountMicro));
      return { transferId, balanceMicro: String(this.purses.get(personId)) };
    });
    cluster.handle(tollDraw, ({ blockId, personId, atLeastMicro, wantedMicro }) => {
      const free = this.balance(personId) - this.heldMicro(personId);
      if (free < BigInt(atLeastMicro)) throw new WatershedError('purse_empty', 'The purse is empty.');
      const amountMicro = free < BigInt(wantedMicro) ? free : BigInt(wantedMicro);
      this.blocks.set(blockId, { personId, amountMicro, usedMicro: 0n, released: false });
      return { blockId, amountMicro: `${amountMicro}`, expiresAt: new Date(Date.now() + 120_000).toISOString() };
    });
    cluster.handle(tollRecordUsage, ({ events }) => {
      const refused: { usageId: string; code: string }[] = [];
      for (const event of events) {
        if (this.usage.has(event.usageId)) continue;
        const block = this.blocks.get(event.blockId);
        const amount = BigInt(event.amountMicro);
        if (!block) refused.push({ usageId: event.usageId, code: 'transfer_unknown' });
        else if (block.released) refused.push({ usageId: event.usageId, code: 'transfer_settled' });
        else if (block.usedMicro + amount > block.amountMicro)
          refused.push({ usageId: event.usageId, code: 'budget_exhausted' });
        else {
          block.usedMicro += amount;
          this.purses.set(event.personId, this.balance(event.personId) - amount);
          this.usage.set(event.usageId, event);
        }
      }
      return { refused };
    });
    cluster.handle(tollAmendUsage, this.amend);
    cluster.handle(tollReleaseBlock, ({ blockId }) => {
      const block = this.blocks.get(blockId);
      if (block) block.released = true;
      return {};
    });
  }

  /** Usage as it ended: what it costs less goes back. */
  readonly amend = ({ events }: { events: readonly UsageEvent[] }) => {
    for (const event of events) {
      const block = this.blocks.get(event.blockId);
      if (!block) continue;
      const backMicro = BigInt(this.usage.get(event.usageId)?.amountMicro ?? '0') - BigInt(event.amountMicro);
      block.usedMicro -= backMicro;
      this.purses.set(event.personId, this.balance(event.personId) + backMicro);
      this.usage.set(event.usageId, event);
    }
    return { refused: [] };
  };

  private runner(): void {
    this.cluster.handle(runnerReserve, ({ items }) => ({
      items: items.map(({ taskId, sizeBytes, ahead }) => {
        const rest = { url: `http://127.0.0.1:9/${taskId}`, maxBytes: Math.max(1, sizeBytes) };
        const token = 't'.repeat(43);
        return ahead === undefined ? { ...rest, token } : { ...rest, tokens: Array<string>(ahead).fill(token) };
      }),
    }));
  }

  private balance(personId: string): bigint {
    const balance = this.purses.get(personId);
    if (balance === undefined) throw new WatershedError('not_found', 'There is no purse.');
    return balance;
  }
}

const digest = '0'.repeat(64);
const thumbprint = 'p'.repeat(43);

function approvedVersion(name: string): ModelVersion {
  const createdAt = '2026-01-01T00:00:00.000Z';
  const tensor = { name: 'utf8', datatype: 'UINT8' as const, shape: [-1] };
  return {
    name,
    version: '1.0.0',
    serial: 1,
    digest,
    review: 'approved',
    createdAt,
    manifest: {
      type: 'watershed/model-manifest',
      name,
      version: '1.0.0',
      description: '',
      licence: 'Apache-2.0',
      purpose: 'tests',
      parameterCount: 0,
      memoryBytes: 1,
      format: 'onnx',
      maxBatchSize: 0,
      inputs: [tensor],
      outputs: [tensor],
      regions: [],
      blob: { sha256: digest, sizeBytes: 1 },
      publisherId: thumbprint,
      createdAt,
      signatures: [{ protected: 'e30', signature: 'AA' }],
    },
  };
}
