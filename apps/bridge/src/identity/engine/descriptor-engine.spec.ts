import { isWatershedError, WatershedError } from '#errors';
import { generateSigil, type Sigil, signDelegation, verifyDocument } from '#sigil';
import { DescriptorEngine } from './descriptor-engine.js';
import type { DescriptorContent, DescriptorStore, IssuedDescriptor } from './identity.ports.js';

const hourMs = 3_600_000;
const content: DescriptorContent = {
  name: 'Lyon',
  region: 'EU/FR',
  bridgeUrls: [],
  protocolVersions: ['watershed/1'],
  capabilities: [],
};

/** Holds what was ever issued, so that a number given twice is seen. */
class MemoryStore implements DescriptorStore {
  readonly issued: IssuedDescriptor[] = [];
  failing = false;
  beforeReplace: (() => Promise<void>) | undefined;

  async latest(): Promise<IssuedDescriptor | undefined> {
    if (this.failing) throw new WatershedError('database_unavailable', 'The database cannot be reached.');
    return this.issued.at(-1);
  }

  async replace(previous: IssuedDescriptor | undefined, next: IssuedDescriptor): Promise<boolean> {
    const race = this.beforeReplace;
    this.beforeReplace = undefined;
    await race?.();
    if (this.issued.at(-1) !== previous) return false;
    this.issued.push(next);
    return true;
  }
}

let root: Sigil;
let sigil: Sigil;
beforeAll(async () => {
  root = await generateSigil('root');
  sigil = await generateSigil('descriptor');
});

const startMs = Date.UTC(2026, 10, 21);
async function delegationOf(epoch: number, key = sigil, days = 400) {
  const notBefore = new Date(startMs).toISOString();
  const notAfter = new Date(startMs + days * 24 * hourMs).toISOString();
  return signDelegation(root, {
    epoch,
    nextRootHash: root.thumbprint,
    keys: [{ purpose: 'descriptor', key: key.publicJwk, notBefore, notAfter }],
    issuedAt: notBefore,
  });
}

async function bridge(
  store: MemoryStore,
  change: { epoch?: number; content?: DescriptorContent; sigil?: Sigil; days?: number } = {},
) {
  const clock = { ms: startMs };
  const engine = new DescriptorEngine({
    store,
    sigil: change.sigil ?? sigil,
    delegation: await delegationOf(change.epoch ?? 1, change.sigil, change.days),
    content: () => change.content ?? content,
    ttlMs: 24 * hourMs,
    now: () => clock.ms,
  });
  return { engine, clock };
}

const numberOf = ({ descriptor }: IssuedDescriptor) => [descriptor.epoch, descriptor.sequence];

describe('the descriptor', () => {
  it('is signed by the delegated key and says who, where and until when', async () => {
    const { engine } = await bridge(new MemoryStore());
    const { descriptor, delegation } = await engine.current();
    await verifyDocument(descriptor, { typ: 'watershed/descriptor', purpose: 'descriptor', key: sigil.publicJwk });
    expect(descriptor).toMatchObject({ ...content, clusterId: root.thumbprint, epoch: 1, sequence: 0 });
    expect(Date.parse(descriptor.expiresAt) - startMs).toBe(24 * hourMs);
    expect(delegation.clusterId).toBe(descriptor.clusterId);
  });

  it('stays the same while it is young, and rises before it ends', async () => {
    const store = new MemoryStore();
    const { engine, clock } = await bridge(store);
    await engine.current();
    clock.ms += 11 * hourMs;
    expect(numberOf(await engine.current())).toEqual([1, 0]);
    clock.ms += 2 * hourMs;
    expect(numberOf(await engine.current())).toEqual([1, 1]);
    expect(store.issued).toHaveLength(2);
  });

  it('goes on from where another run stopped, and says anew what has changed', async () => {
    const store = new MemoryStore();
    await (await bridge(store)).engine.current();
    expect(numberOf(await (await bridge(store)).engine.current())).toEqual([1, 0]);
    const renamed = await bridge(store, { content: { ...content, name: 'Lyon 2' } });
    expect(numberOf(await renamed.engine.current())).toEqual([1, 1]);
  });

  it('never gives a number twice, however many bridges issue at once', async () => {
    const store = new MemoryStore();
    const bridges = await Promise.all(
      Array.from({ length: 8 }, (_, n) => bridge(store, { content: { ...content, name: `n${n}` } })),
    );
    await Promise.all(bridges.map(({ engine }) => engine.current()));
    const numbers = store.issued.map((each) => numberOf(each).join());
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(store.issued.map(({ descriptor }) => descriptor.sequence)).toEqual(store.issued.map((_, n) => n));
  });

  it('takes the newer one when another bridge was first, and does not answer back', async () => {
    const store = new MemoryStore();
    const [one, other] = [await bridge(store), await bridge(store, { content: { ...content, name: 'other' } })];
    store.beforeReplace = async () => void (await other.engine.current());
    await one.engine.current();
    for (let n = 0; n < 5; n += 1) {
      one.clock.ms += 10_000;
      other.clock.ms += 10_000;
      await one.engine.current();
      await other.engine.current();
    }
    expect(store.issued.length).toBe(2);
    expect(numberOf(await one.engine.current())).toEqual(numberOf(await other.engine.current()));
  });

  it('starts a new epoch under a new delegation, and an older bridge follows instead of turning back', async () => {
    const store = new MemoryStore();
    const old = await bridge(store);
    await old.engine.current();
    await (await bridge(store, { epoch: 2 })).engine.current();
    old.clock.ms += 10_000;
    const { descriptor, delegation } = await old.engine.current();
    expect([descriptor.epoch, descriptor.sequence, delegation.epoch]).toEqual([2, 1, 2]);
    old.clock.ms += 20 * hourMs;
    expect(numberOf(await old.engine.current())).toEqual([2, 2]);
  });

  it('is not issued by a key that the delegation does not name now', async () => {
    const store = new MemoryStore();
    const stranger = new DescriptorEngine({
      store,
      sigil: await generateSigil('descriptor'),
      delegation: await delegationOf(1),
      content: () => content,
      ttlMs: hourMs,
      now: () => startMs,
    });
    await expect(stranger.current()).rejects.toMatchObject({ code: 'signature_invalid' });
    expect(store.issued).toHaveLength(0);
  });

  it('ends no later than the key that signed it', async () => {
    const { engine, clock } = await bridge(new MemoryStore(), { days: 1 });
    clock.ms += 20 * hourMs;
    expect(Date.parse((await engine.current()).descriptor.expiresAt)).toBe(startMs + 24 * hourMs);
  });

  it('is served without the database until it expires, not a moment longer', async () => {
    const store = new MemoryStore();
    const { engine, clock } = await bridge(store);
    await engine.current();
    store.failing = true;
    clock.ms += 24 * hourMs - 1;
    expect(numberOf(await engine.current())).toEqual([1, 0]);
    clock.ms += 1;
    const error: unknown = await engine.current().catch((caught: unknown) => caught);
    expect(isWatershedError(error, 'database_unavailable')).toBe(true);
  });
});
