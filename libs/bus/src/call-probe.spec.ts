import { isCallLost } from './bus.errors.js';
import { CallProbe, type Ping, PROBE_AFTER_MS } from './call-probe.js';
import { readCallList, writeCallList } from './envelope.js';
import { PendingCalls } from './pending-calls.js';

const toll = 't'.repeat(43);
const gateway = 'g'.repeat(43);
const instance = 'this-process';

describe('the probe of calls that wait', () => {
  let calls: PendingCalls;
  let probe: CallProbe;
  let sent: { to: string; number: number; asked: readonly number[]; done: Parameters<Ping>[2] }[];
  let ended: Map<number, 'lost' | 'gone'>;
  let dropped: string[];
  let up: boolean;

  beforeEach(() => {
    calls = new PendingCalls();
    sent = [];
    ended = new Map();
    dropped = [];
    up = true;
    const ping: Ping = (to, text, done) => {
      const { p = 0, n = [] } = readCallList(text) ?? {};
      sent.push({ to, number: p, asked: n, done });
    };
    probe = new CallProbe(calls, instance, { drop: (reason) => dropped.push(reason) }, () => up, ping);
  });

  function call(sentAt: number): number {
    const peer = calls.of(toll);
    peer.sequence += 1;
    const n = peer.sequence;
    peer.pending.set(n, {
      sentAt,
      resolve: () => undefined,
      reject: (error) => ended.set(n, isCallLost(error) ? 'lost' : 'gone'),
      timer: setTimeout(() => undefined).unref(),
      signal: undefined,
      onAbort: undefined,
    });
    return n;
  }

  function probeAt(now: number) {
    probe.probe(now);
    const last = sent.at(-1);
    if (!last) throw new Error('nobody was asked');
    const { number, done } = last;
    return {
      listeners: (count: number) => done(null, count),
      fails: () => done(new Error('the connection went'), 0),
      missing: (...n: number[]) => probe.hear(toll, writeCallList(instance, number, n)),
    };
  }

  it('asks about calls that have waited long enough, and about no others', () => {
    call(0);
    call(10);
    call(200);
    probe.probe(PROBE_AFTER_MS - 1);
    expect(sent).toEqual([]);
    probe.probe(PROBE_AFTER_MS + 10);
    expect(sent).toMatchObject([{ to: toll, asked: [1, 2] }]);
    up = false;
    probe.probe(10_000);
    expect(sent).toHaveLength(1);
  });

  it('ends those that the only listener never had, whichever it hears of first', () => {
    call(0);
    call(0);
    const first = probeAt(300);
    first.missing(1);
    expect(ended.size).toBe(0);
    first.listeners(1);
    expect([...ended]).toEqual([[1, 'lost']]);
    const second = probeAt(600);
    second.listeners(1);
    expect(ended.size).toBe(1);
    second.missing(2);
    expect(ended.get(2)).toBe('lost');
  });

  it('believes nobody while several listen, and counts them anew with every probe', () => {
    call(0);
    const crowded = probeAt(300);
    crowded.listeners(2);
    crowded.missing(1);
    const alone = probeAt(600);
    alone.listeners(1);
    // Said late, to the question that two heard.
    crowded.missing(1);
    expect(ended.size).toBe(0);
    alone.missing(1);
    expect(ended.get(1)).toBe('lost');
  });

  it('leaves alone what went out after the probe that is answered', () => {
    call(0);
    const asked = probeAt(300);
    call(301);
    asked.listeners(1);
    asked.missing(1, 2);
    expect([...ended.keys()]).toEqual([1]);
  });

  it('takes an answer that is some probes late, and none that is too late, nor one to no question', () => {
    call(0);
    const first = probeAt(300);
    first.listeners(1);
    for (let i = 1; i < 20; i++) probeAt(300 + i * PROBE_AFTER_MS).listeners(1);
    const newest = probeAt(6_000);
    newest.listeners(1);
    first.missing(1);
    expect([ended.size, dropped]).toEqual([0, ['reply_unasked']]);
    probe.hear(toll, writeCallList('another-process', sent.at(-1)?.number ?? 0, [1]));
    probe.hear(gateway, writeCallList(instance, sent.at(-1)?.number ?? 0, [1]));
    probe.hear(toll, '{}');
    expect(dropped.slice(1)).toEqual(['reply_unasked', 'reply_unasked', 'message_malformed']);
    const late = sent.at(-5);
    probe.hear(toll, writeCallList(instance, late?.number ?? 0, [1]));
    expect(ended.get(1)).toBe('lost');
  });

  it('ends all that was sent before the second probe in a row that nobody received', () => {
    call(0);
    probeAt(300).listeners(0);
    probeAt(600).listeners(1);
    probeAt(900).listeners(0);
    probeAt(1_200).fails();
    expect(ended.size).toBe(0);
    call(1_201);
    const last = probeAt(1_500);
    call(1_501);
    last.listeners(0);
    expect([...ended]).toEqual([
      [1, 'gone'],
      [2, 'gone'],
    ]);
  });

  it('begins anew with a node that has answered meanwhile', () => {
    const n = call(0);
    probeAt(300).listeners(0);
    const pending = calls.of(toll).pending.get(n);
    if (pending) calls.of(toll).settle(n, pending);
    probe.probe(600);
    call(600);
    probeAt(900).listeners(0);
    expect(ended.size).toBe(0);
  });
});
