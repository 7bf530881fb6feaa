import * as contracts from './index.js';
import { type BusBroadcast, type BusMethod, type ServiceName, serviceNames } from './index.js';

const entries = Object.values(contracts) as unknown[];
const isKind = (kind: string) => (entry: unknown) => (entry as { kind?: string } | undefined)?.kind === kind;
const methods = entries.filter(isKind('method')) as BusMethod[];
const broadcasts = entries.filter(isKind('broadcast')) as BusBroadcast[];
const callable = (service: ServiceName): string[] =>
  methods
    .filter(({ callers }) => callers.includes(service))
    .map(({ name }) => name)
    .sort();

// What every node calls for itself: the index reads from the channel who asks.
const membership = ['index-changes', 'index-join', 'index-leave'];

describe('the catalogue of methods', () => {
  it('names each once, after the service that answers it, and who may call it', () => {
    expect(methods.length).toBeGreaterThan(40);
    expect(new Set(methods.map(({ name }) => name)).size).toBe(methods.length);
    const badly = methods.filter(
      ({ name, service, callers }) =>
        !/^[a-z][a-z0-9-]*$/.test(name) ||
        !(name.startsWith(`${service}-`) || (service === 'pod-host' && name.startsWith('pod-'))) ||
        callers.length === 0 ||
        callers.some((caller) => !serviceNames.includes(caller)),
    );
    expect(badly).toEqual([]);
  });

  // A runner may be another operator's and none of these needs to be near people's data or money: whoever adds a caller
  // says so here.
  it.each<[ServiceName, readonly string[]]>([
    ['runner', ['governance-members', 'index-claim', 'registry-pull']],
    ['bridge', []],
    ['toll', []],
    ['pod-host', []],
    ['governance', []],
    ['registry', ['governance-members', 'orchestrator-placed']],
    ['index', ['governance-admit', 'governance-log']],
    ['orchestrator', ['registry-model', 'runner-load', 'runner-unload']],
  ])('lets a %s call for itself, and beyond that only %j', (service, beyond) => {
    expect(callable(service)).toEqual([...membership, ...beyond].sort());
  });

  it('lets only a gateway act for a person', () => {
    const forPeople = methods.filter(({ name }) => /^(toll|pod)-|^runner-reserve$/.test(name));
    expect(forPeople.length).toBeGreaterThan(15);
    for (const { callers } of forPeople) expect(callers).toEqual(['gateway']);
  });

  it('lets one service alone send what others act upon', () => {
    const shared = broadcasts.filter(({ senders }) => senders.length !== 1).map(({ name }) => name);
    expect(shared).toEqual(['heartbeat']);
  });
});
