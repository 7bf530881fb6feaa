import { type Sigil } from '#sigil';
import { eventually, RacePoints } from '#testing';
import { GovernanceStand } from './governance-stand.fixture.js';

describe('what governance decided', () => {
  let stand: GovernanceStand;
  let alice: Sigil;
  let _bob: Sigil;
  let _carol: Sigil;

  beforeEach(async () => {
    stand = await GovernanceStand.open();
    [alice, _bob, _carol] = stand.operators;
  });
  afterEach(async () => {
    await stand.countAnew();
    await stand.close();
  });

  it('announces every change in order, within 100 ms of its answer, and every entry of the log', async () => {
    const nodeId = await stand.newNode();
    await stand.decide([alice], 'node-pause', nodeId);
    await stand.decide([alice], 'node-exclude', nodeId);
    const answeredAt = performance.now();
    await eventually(() => stand.announced.length >= 3, { timeoutMs: 3_000, intervalMs: 2 });
    expect(stand.announced.map((each) => each.membership.epoch)).toEqual([1, 2, 3]);
    expect((stand.announced.at(-1)?.at ?? Number.POSITIVE_INFINITY) - answeredAt).toBeLessThan(100);
    const { seq } = await stand.store.head();
    await eventually(() => expect(stand.grown.at(-1)).toBe(seq));
  });

  it('takes an expelled node’s logins, again until it has them, and hands them back by a vote alone', async () => {
    const nodeId = await stand.newNode();
    await stand.decide([alice], 'node-pause', nodeId);
    stand.access.reachable = false;
    await stand.decide([alice], 'node-exclude', nodeId);
    await eventually(() => expect(stand.access.calls).toContain(`failed ${nodeId}`));
    stand.access.reachable = true;
    await eventually(() => expect(stand.access.calls.at(-1)).toBe(`revoked ${nodeId}`));
    await stand.decide([alice], 'node-readmit', nodeId);
    await eventually(() => expect(stand.access.calls.at(-1)).toBe(`restored ${nodeId}`));
  });

  it('carries an expulsion on where the process died before the logins were gone', async () => {
    const nodeId = await stand.newNode();
    const hung = new RacePoints();
    const dying = hung.hold('revoke');
    await stand.relay.close();
    stand.relay = stand.newRelay({ revoke: () => hung.reached('revoke'), restore: async () => undefined });
    await stand.relay.start();
    await stand.decide([alice], 'node-exclude', nodeId);
    await dying.arrived();
    // The first relay never answers again, as after a kill -9; its claim has lapsed, and the next one takes over.
    await stand.database.pool.query('UPDATE governance.outbox_cursor SET claim = NULL, claimed_until = NULL');
    const dead = stand.relay;
    stand.relay = stand.newRelay(stand.access);
    await stand.relay.start();
    await eventually(() => expect(stand.access.calls).toEqual([`revoked ${nodeId}`]), { timeoutMs: 8_000 });
    hung.releaseAll();
    await dead.close();
  });
});
