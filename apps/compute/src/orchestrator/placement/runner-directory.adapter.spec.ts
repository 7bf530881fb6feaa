import type { NodeEntry } from '#contracts';
import { IndexedRunners } from './runner-directory.adapter.js';

const at = '2026-11-21T12:00:00.000Z';
const entry = (change: Partial<NodeEntry>, services: NodeEntry['manifest']['services'] = ['runner']): NodeEntry => ({
  nodeId: 'n1',
  manifest: {
    type: 'watershed/node-manifest',
    nodeId: 'n1',
    clusterId: 'c1',
    region: 'EU/FR',
    types: ['compute'],
    services,
    key: { kty: 'OKP', crv: 'Ed25519', x: 'x' },
    purposeKeys: [],
    operatorId: 'o1',
    capabilities: {},
    issuedAt: at,
    signatures: [],
  },
  health: 'alive',
  membership: 'admitted',
  models: [],
  joinedAt: at,
  lastSeenAt: at,
  ...change,
});
const reachable = (change: Partial<NodeEntry>) => {
  const known = entry(change);
  return new IndexedRunners({ all: () => [known], get: () => known }).get('n1')?.reachable;
};

describe('a runner as the index knows it', () => {
  it('can be given work while it is heard of', () => {
    expect(reachable({})).toBe(true);
  });

  it.each(['suspect', 'dead', 'left', 'asleep', 'expelled'] as const)('cannot when it is %s', (health) => {
    expect(reachable({ health })).toBe(false);
  });

  it('cannot when it is paused or draining', () => {
    expect(reachable({ membership: 'paused' })).toBe(false);
    expect(reachable({ load: { inFlight: 0, capacity: 1, loopDelayMs: 0, draining: true } })).toBe(false);
  });

  it('is none where another service runs', () => {
    const gateway = entry({}, ['gateway']);
    const runners = new IndexedRunners({ all: () => [gateway], get: () => gateway });
    expect(runners.all()).toEqual([]);
    expect(runners.get('n1')).toBeUndefined();
  });
});
