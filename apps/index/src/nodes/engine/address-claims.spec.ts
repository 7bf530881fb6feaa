import type { NodeManifest, ServiceName } from '#contracts';
import { generateSigil, type Sigil } from '#sigil';
import type { IndexEngine } from './index-engine.js';
import { load, World } from './index-world.fixture.js';

describe('the address of a node in the index', () => {
  const url = 'https://10.0.0.7:4105';
  const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
  let world: World;
  let engine: IndexEngine;
  let first: Sigil;
  let second: Sigil;
  let other: Sigil;
  let taken: object;

  beforeEach(async () => {
    world = await World.begin();
    engine = world.engine();
    first = world.node;
    [second, other] = await Promise.all([generateSigil('node'), generateSigil('operator')]);
    await world.governance.welcome([world.genesis], other);
    taken = { code: 'node_address_taken', details: { holder: first.thumbprint }, retryAfterMs: expect.any(Number) };
  });

  const join = async (
    node: Sigil,
    tlsFingerprint: string,
    operator = world.genesis,
    more: Partial<NodeManifest> = {},
  ) =>
    engine.join(
      node.thumbprint,
      await world.manifest(node, operator, { services: ['runner'], url, tlsFingerprint, ...more }),
    );
  const shown = (node: Sigil) => world.store.rows.get(node.thumbprint)?.manifest.tlsFingerprint;

  it('is that of the node that had it first, while that one is there or suspected', async () => {
    await join(first, one);
    await expect(join(second, two)).rejects.toMatchObject(taken);
    // With the first one's fingerprint it would keep the first from ever showing another.
    await expect(join(second, one)).rejects.toMatchObject(taken);
    await expect(join(second, two, world.genesis, { url: `${url}/` })).rejects.toMatchObject(taken);
    await world.pass(4, [engine]);
    expect(world.healthOf(first.thumbprint)).toBe('suspect');
    await expect(join(second, two)).rejects.toMatchObject(taken);
    expect([world.store.rows.size, shown(first)]).toEqual([1, one]);
    await join(second, two, world.genesis, { url: 'https://10.0.0.7:4106' });
    expect(world.healthOf(second.thumbprint)).toBe('alive');
  });

  it('stays with a node that comes back with a new certificate, or with another address', async () => {
    await join(first, one);
    await join(first, two);
    expect(shown(first)).toBe(two);
    await join(first, two, world.genesis, { url: 'https://10.0.0.8:4105' });
    await join(second, one);
    expect(world.healthOf(second.thumbprint)).toBe('alive');
    await expect(join(first, two)).rejects.toMatchObject({ details: { holder: second.thumbprint } });
  });

  it.each(['asleep', 'dead', 'left', 'expelled'] as const)(
    'is free for its operator once the node is %s, for another one only when it does not come back',
    async (state) => {
      await join(first, one);
      const id = first.thumbprint;
      if (state === 'dead') await world.pass(12, [engine]);
      else if (state === 'expelled') {
        await world.governance.decide([world.genesis, other], 'node-exclude', id);
        await engine.decidedOn(id);
      } else await engine.leave(id, state);
      expect(world.healthOf(id)).toBe(state);
      const mayComeBack = state === 'asleep' || state === 'dead';
      const theirs = await generateSigil('node');
      if (mayComeBack) await expect(join(theirs, two, other)).rejects.toMatchObject(taken);
      await join(second, two);
      // Now it is the second one's, and the first comes back too late.
      if (mayComeBack) await expect(join(first, one)).rejects.toMatchObject({ code: 'node_address_taken' });
      if (!mayComeBack) {
        await engine.leave(second.thumbprint, 'left');
        await join(theirs, two, other);
      }
    },
  );

  it('is none that a runner can take from the gateway, nor anybody keep from it', async () => {
    const gateway = async (node: Sigil, services: ServiceName[] = ['gateway']) =>
      join(node, one, world.genesis, { services });
    await gateway(first);
    await expect(join(second, two, other)).rejects.toMatchObject(taken);
    // Replicas of what people reach share its address.
    await gateway(second);
    await engine.heard(second.thumbprint, load, []);
    expect([first, second].map((node) => world.healthOf(node.thumbprint))).toEqual(['alive', 'alive']);
  });
});
