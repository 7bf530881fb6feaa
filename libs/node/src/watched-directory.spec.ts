import type { NodeEntry, NodeHealth, ServiceName } from '#contracts';
import { entryOf } from '#testing';
import { CircuitBreaker } from './circuit-breaker.js';
import { NodePicker } from './node-picker.js';
import { onExpelled } from './on-expelled.js';
import { WatchedDirectory } from './watched-directory.js';

const entry = (nodeId: string, health: NodeHealth = 'alive', service: ServiceName = 'toll'): NodeEntry =>
  entryOf(nodeId, service, 'c', {
    health,
    purposeKeys: [{ purpose: 'grant', key: { kty: 'OKP', crv: 'Ed25519', x: `grant-${nodeId}` } }],
  });
const load = { inFlight: 0, capacity: 10, loopDelayMs: 0, draining: false };

describe('the watch of the index', () => {
  it('tells of each expulsion once, also of one after a return', () => {
    const directory = new WatchedDirectory();
    const told: string[] = [];
    const stop = onExpelled(directory, (nodeId) => void told.push(nodeId));
    let n = 0;
    const hear = (health: NodeHealth, snapshot = false) =>
      directory.apply({ revision: { epoch: 'a', n: ++n }, snapshot, nodes: [entry('1', health)] });
    hear('alive', true);
    hear('expelled');
    hear('expelled', true);
    expect(told).toEqual(['1']);
    hear('left');
    hear('expelled');
    expect(told).toEqual(['1', '1']);
    stop();
    hear('alive');
    hear('expelled');
    expect(told).toHaveLength(2);
  });

  it('replaces all by a snapshot and some by changes, and ignores what is older or of another epoch', () => {
    const directory = new WatchedDirectory();
    directory.apply({ revision: { epoch: 'a', n: 2 }, snapshot: true, nodes: [entry('1'), entry('2')] });
    directory.apply({ revision: { epoch: 'a', n: 3 }, snapshot: false, nodes: [entry('2', 'dead'), entry('3')] });
    expect(directory.find('toll').map((each) => each.nodeId)).toEqual(['1', '3']);
    directory.apply({ revision: { epoch: 'a', n: 2 }, snapshot: false, nodes: [entry('2')] });
    directory.apply({ revision: { epoch: 'b', n: 9 }, snapshot: false, nodes: [entry('2')] });
    expect(directory.get('2')?.health).toBe('dead');
    const gone: string[] = [];
    directory.onChange((change) => change.entry ?? gone.push(change.nodeId));
    directory.apply({ revision: { epoch: 'b', n: 1 }, snapshot: true, nodes: [entry('3')] });
    expect(directory.all().map((each) => each.nodeId)).toEqual(['3']);
    expect(gone).toEqual(['1', '2']);
    expect(directory.revision).toEqual({ epoch: 'b', n: 1 });
  });

  it('offers alive nodes that take work; suspects only where there is nobody else; others never', () => {
    const directory = new WatchedDirectory();
    const at = (nodes: NodeEntry[]): string[] => {
      directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes });
      return directory.find('toll').map((each) => each.nodeId);
    };
    const others = (['dead', 'left', 'asleep', 'expelled'] as const).map((health) => entry(health, health));
    const paused: NodeEntry = { ...entry('paused'), membership: 'paused' };
    expect(at([entry('1'), entry('s', 'suspect'), entry('g', 'alive', 'gateway'), paused, ...others])).toEqual(['1']);
    expect(at([{ ...entry('1'), load: { ...load, draining: true } }, entry('s', 'suspect'), ...others])).toEqual(['s']);
    expect(at([paused, ...others])).toEqual([]);
  });

  it('takes fresh load from heartbeats, and health from nobody but the index', () => {
    const directory = new WatchedDirectory();
    directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes: [entry('1', 'suspect')] });
    directory.hear('1', { n: 1, load: { ...load, inFlight: 3 }, models: [] });
    directory.hear('unknown', { n: 1, load, models: [] });
    expect(directory.get('1')).toMatchObject({ health: 'suspect', load: { inFlight: 3 } });
    expect(directory.get('unknown')).toBeUndefined();
  });

  describe('what a node said of itself', () => {
    const model = { name: 'org/m', version: '1.0.0', digest: 'd', ready: true };
    const of = (issuedAt: string) => ({ ...entry('1'), manifest: { ...entry('1').manifest, issuedAt } });
    const [first, second] = [of('2026-11-21T10:00:00.000Z'), of('2026-11-21T10:00:02.000Z')];
    let directory: WatchedDirectory;
    let n: number;
    const tell = (told: NodeEntry, snapshot = false) =>
      directory.apply({ revision: { epoch: 'a', n: ++n }, snapshot, nodes: [told] });
    const models = () => directory.get('1')?.models.map(({ name }) => name);

    beforeEach(() => {
      directory = new WatchedDirectory();
      n = 0;
      tell(first, true);
      directory.hear('1', { n: 7, load, models: [model] });
    });

    it('stays known while the index has just started and heard nobody', () => {
      tell({ ...first, health: 'suspect' }, true);
      expect(directory.get('1')).toMatchObject({ health: 'suspect', load, models: [model] });
    });

    it('is forgotten with the process that said it', () => {
      tell(second);
      expect(models()).toEqual([]);
    });

    it('is forgotten with the node', () => {
      directory.apply({ revision: { epoch: 'b', n: 1 }, snapshot: true, nodes: [] });
      directory.apply({ revision: { epoch: 'b', n: 2 }, snapshot: false, nodes: [first] });
      expect(models()).toEqual([]);
    });

    it('counts from the process that began to count anew, before and after the index names it', () => {
      directory.hear('1', { n: 1, load, models: [{ ...model, name: 'org/new' }] });
      tell(second);
      expect(models()).toEqual(['org/new']);
      tell(second, true);
      expect(models()).toEqual(['org/new']);
      tell(of('2026-11-21T10:00:04.000Z'));
      expect(models()).toEqual([]);
    });

    it('closes the circuit of a process that began to count anew', () => {
      for (let i = 0; i < 5; i++) {
        directory.begin('1');
        directory.report('1', { ok: false, latencyMs: 1 });
      }
      directory.hear('1', { n: 8, load, models: [] });
      expect(directory.pick('toll')).toBeUndefined();
      directory.hear('1', { n: 1, load, models: [] });
      expect(directory.pick('toll')?.nodeId).toBe('1');
    });
  });

  it('gives the keys of a node for a purpose, but none of one that was expelled', () => {
    const directory = new WatchedDirectory();
    directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes: [entry('1'), entry('2', 'expelled')] });
    expect(directory.keysFor('1', 'grant').map((key) => key.x)).toEqual(['grant-1']);
    expect(directory.keysFor('1', 'token')).toEqual([]);
    expect(directory.keysFor('2', 'grant')).toEqual([]);
  });

  it('waits for a service, and not for ever', async () => {
    const directory = new WatchedDirectory();
    await expect(directory.waitFor('toll', 10)).rejects.toMatchObject({ code: 'no_node_available' });
    const waiting = directory.waitFor('toll', 1_000);
    directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes: [entry('1')] });
    await expect(waiting).resolves.toMatchObject({ nodeId: '1' });
  });

  it('asks the index once about a caller that it does not know', async () => {
    const directory = new WatchedDirectory();
    let asked = 0;
    directory.refreshWith(async () => {
      asked += 1;
      directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes: [entry('1')] });
    });
    await expect(directory.resolve('1')).resolves.toMatchObject({ nodeId: '1' });
    await directory.resolve('1');
    await expect(directory.resolve('2')).resolves.toBeUndefined();
    expect(asked).toBe(2);
  });
});

describe('picking', () => {
  it('forgets whom the index has forgotten, also when a call to it ends afterwards', () => {
    const picker = new NodePicker();
    const directory = new WatchedDirectory(picker);
    directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes: [entry('1'), entry('2')] });
    for (const nodeId of ['1', '2']) directory.begin(nodeId);
    directory.apply({ revision: { epoch: 'a', n: 2 }, snapshot: true, nodes: [entry('2')] });
    expect(picker.size).toBe(1);
    for (const nodeId of ['1', '2']) directory.report(nodeId, { ok: true, latencyMs: 1 });
    expect(picker.size).toBe(1);
  });

  it('prefers the quicker and the less busy of two', () => {
    let random = 0;
    const picker = new NodePicker({ now: () => 0, random: () => random });
    const learn = (nodeId: string, latencyMs: number): void => {
      picker.begin(nodeId);
      picker.report(nodeId, { ok: true, latencyMs });
    };
    learn('fast', 1);
    learn('slow', 50);
    learn('busy', 1);
    for (let i = 0; i < 20; i++) picker.begin('busy');
    for (random = 0; random < 1; random += 0.01) {
      for (const other of ['slow', 'busy']) {
        expect(picker.pick([entry('fast'), entry(other)])?.nodeId).toBe('fast');
        expect(picker.pick([entry(other), entry('fast')])?.nodeId).toBe('fast');
      }
    }
    random = 0.5;
    expect(picker.pick([entry('slow')])?.nodeId).toBe('slow');
    expect(picker.pick([])).toBeUndefined();
  });

  it('leaves a node alone that fails, tries it once after a while, and takes it back when it answers', () => {
    let now = 0;
    const picker = new NodePicker({ now: () => now, random: () => 0 });
    const only = [entry('1')];
    const call = (ok: boolean): void => {
      picker.begin('1');
      picker.report('1', { ok, latencyMs: 1 });
    };
    for (let i = 0; i < 5; i++) call(false);
    expect(picker.pick(only)).toBeUndefined();
    now = 1_000;
    expect(picker.pick(only)?.nodeId).toBe('1');
    picker.begin('1');
    expect(picker.pick(only)).toBeUndefined();
    picker.report('1', { ok: false, latencyMs: 1 });
    now = 2_999;
    expect(picker.pick(only)).toBeUndefined();
    now = 3_000;
    call(true);
    expect(picker.pick(only)?.nodeId).toBe('1');
    for (let i = 0; i < 4; i++) call(false);
    expect(picker.pick(only)?.nodeId).toBe('1');
  });

  it('judges a node anew that was started again before anyone missed it', () => {
    const directory = new WatchedDirectory();
    const of = (issuedAt: string) => ({ ...entry('1'), manifest: { ...entry('1').manifest, issuedAt } });
    const first = of('2026-11-21T10:00:00.000Z');
    directory.apply({ revision: { epoch: 'a', n: 1 }, snapshot: true, nodes: [first] });
    for (let i = 0; i < 5; i++) {
      directory.begin('1');
      directory.report('1', { ok: false, latencyMs: 1 });
    }
    directory.apply({ revision: { epoch: 'a', n: 2 }, snapshot: false, nodes: [first] });
    expect(directory.pick('toll')).toBeUndefined();
    directory.apply({ revision: { epoch: 'a', n: 3 }, snapshot: false, nodes: [of('2026-11-21T10:00:02.000Z')] });
    expect(directory.pick('toll')?.nodeId).toBe('1');
  });

  it('never keeps a circuit open for longer than its cap', () => {
    const breaker = new CircuitBreaker({ threshold: 1, openMs: 100, maxOpenMs: 400 });
    let now = 0;
    for (let i = 0; i < 10; i++) {
      breaker.begin(now);
      breaker.fail(now);
      expect(breaker.admits(now + 99)).toBe(false);
      now += 400;
      expect(breaker.admits(now)).toBe(true);
    }
    breaker.begin(now);
    expect(breaker.admits(now)).toBe(false);
    breaker.abandon();
    expect(breaker.admits(now)).toBe(true);
  });
});
