import { uuidv7 } from 'uuidv7';
import { type Membership, type MembershipDecision, type MembershipState, membership } from '#contracts';
import { appSchemaDiff, type Database, OutboxRelay, openDatabase } from '#persistence';
import { documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { eventually, type TestDatabase, testDatabase } from '#testing';
import { brokenAt } from './engine/decision-chain.js';
import type { GovernanceStore } from './engine/governance.ports.js';
import { GovernanceEngine, signedWithinMs } from './engine/governance-engine.js';
import { GovernanceRepository } from './governance.repository.js';

const newNodeId = () => Buffer.from(uuidv7().replaceAll('-', '').padEnd(64, '0'), 'hex').toString('base64url');

describe('governance', () => {
  let template: TestDatabase;
  let database: Database;
  let store: GovernanceRepository;
  let engine: GovernanceEngine;
  let relay: OutboxRelay;
  let operator: Sigil;
  const announced: { membership: Membership; at: number }[] = [];

  beforeAll(async () => {
    template = await testDatabase();
    database = await openDatabase({ url: template.urlFor('governance'), applicationName: 'governance-test' });
    store = new GovernanceRepository(database);
    relay = new OutboxRelay({
      pool: database.pool,
      app: 'governance',
      deliver: async ({ payload }) => {
        announced.push({ membership: membership.parse(payload), at: performance.now() });
      },
    });
    engine = new GovernanceEngine({ store, now: () => new Date(), onChanged: () => relay.wake() });
    operator = await generateSigil('operator');
    await engine.begin({ key: operator.publicJwk, name: 'genesis' });
    await relay.start();
  });
  afterAll(async () => {
    await relay?.close();
    await database?.close();
    await template?.close();
  });
  afterEach(async () => {
    expect(brokenAt(await store.log())).toBeUndefined();
  });

  const newNode = async () => {
    const nodeId = newNodeId();
    await engine.admit(nodeId, operator.thumbprint);
    return nodeId;
  };
  const signed = (
    nodeId: string,
    state: MembershipState,
    over: Partial<Omit<MembershipDecision, 'signatures'>> = {},
    by: { sigil?: Sigil; typ?: string } = {},
  ): Promise<MembershipDecision> => {
    const sigil = by.sigil ?? operator;
    return signDocument(
      {
        type: 'watershed/membership-decision' as const,
        decisionId: uuidv7(),
        nodeId,
        state,
        reason: 'because',
        decidedAt: new Date().toISOString(),
        operatorId: sigil.thumbprint,
        ...over,
      },
      sigil,
      { typ: by.typ ?? documentTyp.membershipDecision },
    ) as Promise<MembershipDecision>;
  };

  it('has the genesis operator as its first and only one, however often it begins', async () => {
    const stranger = await generateSigil('operator');
    expect(await engine.begin({ key: stranger.publicJwk, name: 'late' })).toBe(false);
    const { operators } = await engine.members();
    expect(operators).toMatchObject([{ operatorId: operator.thumbprint, name: 'genesis', key: operator.publicJwk }]);
  });

  it('does not begin over a log that someone has rewritten', async () => {
    const tampered: GovernanceStore = Object.create(store, {
      log: {
        value: async () => (await store.log()).map((entry) => ({ ...entry, document: { type: 'watershed/forged' } })),
      },
    });
    const late = new GovernanceEngine({ store: tampered, now: () => new Date(), onChanged: () => undefined });
    await expect(late.begin({ key: operator.publicJwk, name: 'genesis' })).rejects.toMatchObject({ code: 'internal' });
  });

  it('admits a node at the first question, once, whoever asks at once', async () => {
    const nodeId = newNodeId();
    const answers = await Promise.all([1, 2, 3, 4].map(() => engine.admit(nodeId, operator.thumbprint)));
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(answers[0]).toMatchObject({ nodeId, state: 'admitted', epoch: 1, decidedBy: operator.thumbprint });
    expect(
      (await store.log()).filter(({ document }) => (document as { nodeId?: string }).nodeId === nodeId),
    ).toHaveLength(1);
  });

  it('admits nobody that a stranger brings, nor a node under another operator', async () => {
    const stranger = await generateSigil('operator');
    await expect(engine.admit(newNodeId(), stranger.thumbprint)).rejects.toMatchObject({ code: 'role_missing' });
    const nodeId = await newNode();
    await expect(engine.admit(nodeId, stranger.thumbprint)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('pauses, admits again and expels with rising epochs, and an expelled node stays expelled when it asks', async () => {
    const nodeId = await newNode();
    for (const [index, state] of (['paused', 'admitted', 'expelled'] as const).entries()) {
      const decidedAt = new Date(Date.now() + index).toISOString();
      expect(await engine.decide(await signed(nodeId, state, { decidedAt }))).toMatchObject({
        state,
        epoch: index + 2,
        reason: 'because',
      });
    }
    expect(await engine.admit(nodeId, operator.thumbprint)).toMatchObject({ state: 'expelled', epoch: 4 });
  });

  it('answers a repeated decision with its first outcome, also after later ones', async () => {
    const nodeId = await newNode();
    const pause = await signed(nodeId, 'paused', { decidedAt: new Date(Date.now() - 1_000).toISOString() });
    const answers = await Promise.all([1, 2, 3].map(() => engine.decide(pause)));
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    await engine.decide(await signed(nodeId, 'expelled'));
    expect(await engine.decide(pause)).toEqual(answers[0]);
    expect((await engine.members()).memberships.find((each) => each.nodeId === nodeId)).toMatchObject({
      state: 'expelled',
      epoch: 3,
    });
  });

  describe('refuses', () => {
    it('a decision of someone who is no operator', async () => {
      const sigil = await generateSigil('operator');
      const decision = await signed(await newNode(), 'expelled', {}, { sigil });
      await expect(engine.decide(decision)).rejects.toMatchObject({ code: 'role_missing' });
    });

    it('a stranger’s signature under an operator’s name', async () => {
      const sigil = await generateSigil('operator');
      const decision = await signed(await newNode(), 'expelled', { operatorId: operator.thumbprint }, { sigil });
      await expect(engine.decide(decision)).rejects.toMatchObject({ code: 'signature_invalid' });
    });

    it.each(['state', 'reason', 'nodeId', 'decidedAt', 'decisionId'] as const)(
      'a signed decision whose %s was changed',
      async (member) => {
        const decision = await signed(await newNode(), 'paused');
        const changed = {
          ...decision,
          state: 'expelled' as const,
          reason: 'other',
          nodeId: await newNode(),
          decidedAt: new Date(0).toISOString(),
          decisionId: uuidv7(),
        };
        await expect(engine.decide({ ...decision, [member]: changed[member] })).rejects.toMatchObject({
          code: 'signature_invalid',
        });
      },
    );

    it('a signature made for another purpose, or as another kind of document', async () => {
      const nodeId = await newNode();
      const other = await signed(nodeId, 'paused', {}, { typ: 'watershed/node-manifest' });
      await expect(engine.decide(other)).rejects.toMatchObject({ code: 'signature_invalid' });
      const nodeKey = { ...operator, purpose: 'node' as const, sign: (bytes: Uint8Array) => operator.sign(bytes) };
      const wrongPurpose = await signed(
        nodeId,
        'paused',
        {},
        { sigil: { ...nodeKey, thumbprint: operator.thumbprint } as Sigil },
      );
      await expect(engine.decide(wrongPurpose)).rejects.toMatchObject({ code: 'signature_invalid' });
    });

    it('another decision under the same id', async () => {
      const nodeId = await newNode();
      const first = await signed(nodeId, 'paused');
      await engine.decide(first);
      const second = await signed(nodeId, 'expelled', { decisionId: first.decisionId });
      await expect(engine.decide(second)).rejects.toMatchObject({ code: 'conflict' });
    });

    it('a decision older than the one in force', async () => {
      const nodeId = await newNode();
      await engine.decide(await signed(nodeId, 'expelled'));
      const older = await signed(nodeId, 'admitted', { decidedAt: new Date(Date.now() - 5_000).toISOString() });
      await expect(engine.decide(older)).rejects.toMatchObject({
        code: 'conflict',
        details: { state: 'expelled', epoch: 2 },
      });
    });

    it.each([-signedWithinMs - 60_000, signedWithinMs + 60_000])(
      'a decision signed %d ms from now',
      async (offsetMs) => {
        const decision = await signed(await newNode(), 'paused', {
          decidedAt: new Date(Date.now() + offsetMs).toISOString(),
        });
        await expect(engine.decide(decision)).rejects.toMatchObject({ code: 'invalid_request' });
      },
    );

    it('a decision on a node that never was', async () => {
      await expect(engine.decide(await signed(newNodeId(), 'expelled'))).rejects.toMatchObject({
        code: 'node_unknown',
      });
    });
  });

  it('announces every change in order, within 100 ms of its answer', async () => {
    const nodeId = await newNode();
    await engine.decide(await signed(nodeId, 'paused', { decidedAt: new Date(Date.now() - 500).toISOString() }));
    await engine.decide(await signed(nodeId, 'expelled'));
    const answeredAt = performance.now();
    const mine = () => announced.filter((each) => each.membership.nodeId === nodeId);
    await eventually(() => mine().length >= 3, { timeoutMs: 3_000, intervalMs: 2 });
    expect(mine().map((each) => each.membership.epoch)).toEqual([1, 2, 3]);
    expect((mine().at(-1)?.at ?? Number.POSITIVE_INFINITY) - answeredAt).toBeLessThan(100);
  });

  it('pages through its decisions, newest first, signatures and all', async () => {
    const nodeId = await newNode();
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const decision = await signed(nodeId, n % 2 ? 'admitted' : 'paused', {
        decidedAt: new Date(Date.now() + n).toISOString(),
      });
      made.unshift(decision.decisionId);
      await engine.decide(decision);
    }
    const first = await engine.decisions({ limit: 3 });
    const second = await engine.decisions({ limit: 2, cursor: first.nextCursor });
    expect([...first.items, ...second.items].map(({ decisionId }) => decisionId)).toEqual(made);
    await expect(engine.decisions({ limit: 3, cursor: 'nonsense' })).rejects.toMatchObject({ code: 'cursor_invalid' });
  });

  it.each([
    ['a decision rewritten', "UPDATE governance.log SET document = '{}'"],
    ['a decision deleted', 'DELETE FROM governance.log'],
    [
      'a gap in the log',
      `INSERT INTO governance.log (seq, kind, document, previous_hash, hash, recorded_at)
      VALUES (99999, 'admission', '{}', repeat('0', 64), repeat('1', 64), now())`,
    ],
    ['an epoch taken back', 'UPDATE governance.membership SET epoch = epoch - 1'],
    ['a membership forgotten', 'DELETE FROM governance.membership'],
  ])('keeps by the database itself from %s', async (_, statement) => {
    await newNode();
    await expect(database.pool.query(statement)).rejects.toMatchObject({ code: '23514' });
  });

  it('has in its migration what the Prisma schema says', async () => {
    expect(await appSchemaDiff(template.adminUrl, 'governance')).toBe('');
  });
});
