import { type Database, openDatabase } from '#persistence';
import { type TestDatabase, testDatabase } from '#testing';
import { DecisionHeadRepository } from './decision-head.repository.js';
import { NodeRepository } from './node.repository.js';

const nodeId = 'N'.repeat(43);
const manifest = {
  type: 'watershed/node-manifest' as const,
  nodeId,
  clusterId: 'C'.repeat(43),
  region: 'EU/FR',
  types: ['compute' as const],
  services: ['runner' as const],
  key: { kty: 'OKP' as const, crv: 'Ed25519' as const, x: 'x'.repeat(43) },
  purposeKeys: [],
  operatorId: 'O'.repeat(43),
  capabilities: {},
  issuedAt: '2026-01-01T00:00:00.000Z',
  signatures: [{ protected: 'e30', signature: 'AA' }],
};

describe('the table of nodes', () => {
  let template: TestDatabase;
  let database: Database;
  let nodes: NodeRepository;

  beforeAll(async () => {
    template = await testDatabase();
    database = await openDatabase({ url: template.urlFor('index'), applicationName: 'index-test' });
    nodes = new NodeRepository(database);
    await nodes.initialise();
  });
  afterAll(async () => {
    await database?.close();
    await template?.close();
  });

  const join = (more: object = {}) =>
    nodes.join({ manifest, membership: 'admitted', membershipEpoch: 1, now: new Date(), ...more });

  it('moves a node only from the state that its mover saw, however many move it at once', async () => {
    await join();
    const seen = await nodes.find(nodeId);
    if (!seen) throw new Error('the node is not there');
    const to = { health: 'suspect' as const, seenAt: new Date() };
    const moved = await Promise.all([1, 2, 3, 4].map(() => nodes.move(nodeId, seen, to)));
    expect(moved.filter((revision) => revision !== undefined)).toHaveLength(1);
    // A decision that came in between fences whoever judged before it.
    const now = await nodes.find(nodeId);
    expect(
      await nodes.move(nodeId, { ...(now ?? seen), membershipEpoch: 0 }, { ...to, health: 'dead' }),
    ).toBeUndefined();
    expect(await nodes.find(nodeId)).toMatchObject({ health: 'suspect' });
  });

  it('forgets who went long ago, and tells watchers from before with a snapshot', async () => {
    await join();
    const move = async (health: 'asleep' | 'alive', seenAt: Date) => {
      const seen = await nodes.find(nodeId);
      if (!seen) throw new Error('the node is not there');
      return nodes.move(nodeId, seen, { health, seenAt });
    };
    const [long, then] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
    await move('alive', long);
    expect(await nodes.prune(then)).toBeUndefined();
    await move('asleep', then);
    expect(await nodes.prune(then)).toBeUndefined();
    const watched = await nodes.revision();
    expect(await nodes.prune(new Date(then.getTime() + 1))).toEqual({ ...watched, n: watched.n + 1 });
    expect(await nodes.find(nodeId)).toBeUndefined();
    expect(await nodes.changesSince(watched)).toMatchObject({ snapshot: true, nodes: [] });
  });

  it('takes nobody in whom a newer decision expelled, whatever the one who asks believes', async () => {
    await join();
    const seen = await nodes.find(nodeId);
    if (!seen) throw new Error('the node is not there');
    await nodes.move(nodeId, seen, {
      health: 'expelled',
      membership: 'expelled',
      membershipEpoch: 5,
      seenAt: new Date(),
    });
    expect(await join()).toBeUndefined();
    expect(await nodes.find(nodeId)).toMatchObject({ health: 'expelled', membershipEpoch: 5 });
  });

  it('gives an address to one of those who claim it at once, and writes nothing of the others', async () => {
    const claim = (letter: string, tlsFingerprint = letter.repeat(64)) => {
      const claimed = { ...manifest, nodeId: letter.repeat(43), url: 'https://10.0.0.7:4105', tlsFingerprint };
      return join({ manifest: { ...claimed, signatures: [{ protected: 'e30', signature: tlsFingerprint }] } });
    };
    const letters = ['a', 'b', 'c', 'd', 'e', 'f'];
    const before = await nodes.revision();
    const outcomes = await Promise.allSettled(letters.map((letter) => claim(letter)));
    const winners = letters.filter((_, i) => outcomes[i]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    const winner = winners[0] ?? '';
    for (const each of outcomes.filter(({ status }) => status === 'rejected'))
      expect(each).toMatchObject({ reason: { code: 'node_address_taken', details: { holder: winner.repeat(43) } } });
    expect(await nodes.revision()).toEqual({ ...before, n: before.n + 1 });
    for (const letter of letters) {
      const row = await nodes.find(letter.repeat(43));
      expect([letter, row?.health]).toEqual([letter, letter === winner ? 'alive' : undefined]);
    }
    // Its own new certificate takes the place of the old one.
    await claim(winner, '0'.repeat(64));
    expect((await nodes.find(winner.repeat(43)))?.manifest.tlsFingerprint).toBe('0'.repeat(64));
  });

  it('keeps how far the log was counted, and never moves back, whichever instance is behind', async () => {
    const heads = new DecisionHeadRepository(database);
    expect(await heads.read()).toBeUndefined();
    const head = (seq: number) => ({ seq, hash: String(seq).padStart(64, '0') });
    await Promise.all([3, 9, 5].map((seq) => heads.advance(head(seq))));
    expect(await heads.read()).toEqual(head(9));
    await heads.advance({ ...head(9), hash: 'f'.repeat(64) });
    expect(await heads.read()).toEqual(head(9));
  });
});
