import { hashOf } from '#ballots';
import { HostList, InternalNetwork, NodeRanges } from '#config';
import type { LogEntry } from '#contracts';
import { generateSigil, type Sigil } from '#sigil';
import { MemoryGovernance } from '#testing';
import { clusterId, load, World } from './index-world.fixture.js';

describe('the index engine and what governance decided', () => {
  let world: World;
  let node: Sigil;
  let id: string;

  beforeEach(async () => {
    world = await World.begin();
    node = world.node;
    id = node.thumbprint;
  });

  it('gives effect to what the ballots come to, and takes no expelled node', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await world.governance.decide([world.genesis], 'node-exclude', id);
    await engine.decidedOn(id);
    expect(world.healthOf(id)).toBe('expelled');
    await expect(world.joined(engine)).rejects.toMatchObject({ code: 'node_expelled' });
    world.governanceUp = false;
    await expect(world.joined(engine)).rejects.toMatchObject({ code: 'node_expelled' });
    await engine.heard(id, load, []);
    await engine.leave(id, 'left');
    await world.pass(20, [engine], [engine]);
    expect(world.healthOf(id)).toBe('expelled');
    world.governanceUp = true;
    await world.governance.decide([world.genesis], 'node-readmit', id);
    await engine.decidedOn(id);
    expect(world.healthOf(id)).toBe('left');
  });

  it('learns a decision whose broadcast was lost, by asking', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await world.governance.decide([world.genesis], 'node-exclude', id);
    await world.pass(6, [engine], [engine]);
    expect(world.healthOf(id)).toBe('expelled');
  });

  it('takes at the next tick what it could not when it was announced', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await world.pass(1, [engine], [engine]);
    await world.governance.decide([world.genesis], 'node-exclude', id);
    world.governanceUp = false;
    await expect(engine.decidedOn(id)).rejects.toMatchObject({ code: 'no_node_available' });
    world.governanceUp = true;
    await world.pass(1, [engine], [engine]);
    expect(world.healthOf(id)).toBe('expelled');
  });

  it('reads the log when it hears that it has grown, and not when it knows that entry', async () => {
    const engine = world.engine();
    await world.joined(engine);
    const other = await generateSigil('operator');
    await world.governance.welcome([world.genesis], other);
    await engine.logGrew(world.governance.entries.length);
    world.governanceUp = false;
    await engine.logGrew(world.governance.entries.length);
    const [theirs, manifest] = await generateSigil('node').then(
      async (sigil) => [sigil, await world.manifest(sigil, other, { services: ['runner'] })] as const,
    );
    // Their key is known by now; whether the node belongs, governance would have to say.
    await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    world.governanceUp = true;
    await engine.join(theirs.thumbprint, manifest);
    expect(world.healthOf(theirs.thumbprint)).toBe('alive');
  });

  describe('does not believe a governance that', () => {
    const outcomeOf = (entries: LogEntry[], state: string) =>
      entries.map((entry) => ({
        ...entry,
        outcome: entry.kind === 'ballot' ? { ...entry.outcome, state } : entry.outcome,
      }));

    it('expels a node without ballots', async () => {
      const engine = world.engine();
      await world.joined(engine);
      const last = world.governance.entries.at(-1) as LogEntry;
      const made = { ...last, seq: last.seq + 1, previousHash: last.hash };
      const forged = { ...made, outcome: { ...made.outcome, state: 'expelled', epoch: 2 } };
      world.lies = () => [{ ...forged, hash: hashOf(forged) }];
      await expect(engine.decidedOn(id)).rejects.toMatchObject({ code: 'no_node_available' });
      await world.pass(6, [engine], [engine]);
      expect(world.healthOf(id)).toBe('alive');
    });

    it('tells another outcome than the ballots come to', async () => {
      const engine = world.engine();
      await world.joined(engine);
      const other = await generateSigil('operator');
      await world.governance.welcome([world.genesis], other);
      await world.governance.decide([world.genesis], 'node-exclude', id);
      world.lies = (entries) => outcomeOf(entries, 'passed');
      await expect(engine.decidedOn(id)).rejects.toMatchObject({ code: 'no_node_available' });
      expect(world.healthOf(id)).toBe('alive');
      world.lies = undefined;
      await engine.decidedOn(id);
      expect(world.healthOf(id)).toBe('alive');
    });

    it('hides, from an index that starts anew, that an operator was voted out', async () => {
      const other = await generateSigil('operator');
      await world.governance.welcome([world.genesis], other);
      const before = world.governance.entries.length;
      await world.governance.decide([world.genesis, other], 'operator-remove', other.thumbprint);
      await world.engine().logGrew(world.governance.entries.length);
      const theirs = await generateSigil('node');
      const manifest = await world.manifest(theirs, other);
      const truncated = world.governance.entries.slice(0, before);
      world.lies = (entries) => entries.filter(({ seq }) => seq <= truncated.length);
      const restarted = world.engine();
      await expect(restarted.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
      world.lies = undefined;
      await expect(restarted.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
      world.head = { seq: before, hash: 'f'.repeat(64) };
      const rewritten = world.engine();
      await expect(rewritten.logGrew(before)).rejects.toMatchObject({ code: 'no_node_available' });
      await expect(rewritten.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    });

    it('begins with an operator of its own', async () => {
      const mallory = await generateSigil('operator');
      const usurped = await MemoryGovernance.begin(clusterId, mallory);
      world.lies = () => usurped.log(0);
      const engine = world.engine();
      const theirs = await generateSigil('node');
      const manifest = await world.manifest(theirs, mallory);
      await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
      expect(world.store.rows.size).toBe(0);
    });

    it('admits again, by word alone, who was voted out', async () => {
      const engine = world.engine();
      await world.joined(engine);
      await world.governance.decide([world.genesis], 'node-exclude', id);
      await engine.decidedOn(id);
      const { membership } = world.governance.count.memberships.get(id) ?? {};
      if (!membership) throw new Error('no membership');
      world.governance.admit = async () => ({ ...membership, state: 'admitted', epoch: membership.epoch });
      await expect(world.joined(engine)).rejects.toMatchObject({ code: 'node_expelled' });
    });
  });

  it('keeps the nodes of an operator who was voted out, takes no new ones of theirs, and starts again with them', async () => {
    const other = await generateSigil('operator');
    await world.joined(world.engine());
    await world.governance.welcome([world.genesis], other);
    await world.governance.decide([world.genesis, other], 'operator-remove', world.genesis.thumbprint);
    const restarted = world.engine();
    await world.joined(restarted);
    expect(world.healthOf(id)).toBe('alive');
    const late = await generateSigil('node');
    const manifest = await world.manifest(late);
    await expect(restarted.join(late.thumbprint, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
    world.governanceUp = false;
    await expect(restarted.join(late.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    // Governance is one of these nodes: nobody could ask it before it is back.
    await restarted.leave(id, 'asleep');
    await world.joined(restarted);
    expect(world.healthOf(id)).toBe('alive');
  });

  it("takes the genesis operator's nodes provisionally while governance is away, others not, and asks later", async () => {
    const engine = world.engine();
    world.governanceUp = false;
    await world.joined(engine);
    expect(world.store.rows.get(id)?.membershipEpoch).toBe(0);
    const other = await generateSigil('operator');
    const theirs = await generateSigil('node');
    const manifest = await world.manifest(theirs, other, { services: ['runner'] });
    await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    world.governanceUp = true;
    await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
    await world.governance.welcome([world.genesis], other);
    await engine.join(theirs.thumbprint, manifest);
    expect(world.store.rows.get(theirs.thumbprint)?.membershipEpoch).toBe(1);
    await world.pass(1, [engine], [engine]);
    expect(world.store.rows.get(id)?.membershipEpoch).toBe(1);
  });

  it('takes runners of other operators, and nothing else of theirs', async () => {
    const engine = world.engine();
    const other = await generateSigil('operator');
    await world.governance.welcome([world.genesis], other);
    for (const services of [['registry'], ['runner', 'gateway']] as const) {
      const manifest = await world.manifest(node, other, { services: [...services] });
      await expect(engine.join(id, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
    }
    await engine.join(id, await world.manifest(node, other, { services: ['runner'] }));
  });

  it('refuses keys in a manifest that no node may hold', async () => {
    const engine = world.engine();
    const purposeKeys = [{ purpose: 'operator' as const, key: node.publicJwk }];
    const manifest = await world.manifest(node, world.genesis, { purposeKeys });
    await expect(engine.join(id, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
  });

  it('takes no node whose address lies where its operator lists nothing, and tells nobody of it', async () => {
    const engine = world.engine();
    const join = async (url: string, operator = world.genesis) =>
      engine.join(id, await world.manifest(node, operator, { services: ['runner'], url }));
    for (const url of ['https://203.0.113.9:4105', 'https://10.0.0.7@evil.example', 'https://[::ffff:203.0.113.9]']) {
      await expect(join(url)).rejects.toMatchObject({ code: 'node_address_refused' });
    }
    expect([world.store.rows.size, world.announced]).toEqual([0, []]);
    await join('http://inner:4105');
    world.nodeRanges = new NodeRanges(new InternalNetwork(['inner']), new HostList(['10.0.0.0/8']));
    const strict = world.engine();
    const other = await generateSigil('operator');
    const theirs = await generateSigil('node');
    await world.governance.welcome([world.genesis], other);
    const tlsFingerprint = 'f'.repeat(64);
    const manifest = (url: string) => world.manifest(theirs, other, { services: ['runner'], url, tlsFingerprint });
    await expect(strict.join(theirs.thumbprint, await manifest('http://inner:4106'))).rejects.toMatchObject({
      code: 'node_address_refused',
    });
    await strict.join(theirs.thumbprint, await manifest('https://10.0.0.7:4105'));
    await strict.join(
      id,
      await world.manifest(node, world.genesis, { services: ['runner'], url: 'http://inner:4105' }),
    );
  });
});
