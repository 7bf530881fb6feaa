import fc from 'fast-check';
import { CallerWindows } from './caller-window.js';
import { ChannelReader, channelOf } from './channel.js';
import {
  readCallList,
  readCancel,
  readReply,
  readRequest,
  writeCallList,
  writeRefusal,
  writeReply,
  writeRequest,
} from './envelope.js';

const cluster = 'c'.repeat(43);
const node = 'n'.repeat(43);
const other = 'o'.repeat(43);

describe('channels', () => {
  it('reads what is addressed to the node or to everyone in its cluster', () => {
    const reader = new ChannelReader(cluster, node);
    expect(reader.read(channelOf(cluster, node, other, 'toll-draw'))).toEqual({
      to: node,
      from: other,
      what: 'toll-draw',
    });
    expect(reader.read(channelOf(cluster, 'all', other, 'heartbeat'))?.to).toBe('all');
  });

  it('reads nothing else, whatever a pattern of Redis lets through', () => {
    const reader = new ChannelReader(cluster, node);
    const foreign = fc.string().filter((text) => !/^[A-Za-z0-9_-]{1,128}$/.test(text));
    fc.assert(
      fc.property(foreign, (odd) => {
        expect(reader.read(channelOf(cluster, node, odd, 'm'))).toBeUndefined();
        expect(reader.read(channelOf(cluster, node, other, odd))).toBeUndefined();
        expect(reader.read(channelOf(odd, node, other, 'm'))).toBeUndefined();
        expect(reader.read(channelOf(cluster, odd, other, 'm'))).toBeUndefined();
      }),
    );
    expect(reader.read(`${cluster}:${node}:${other}:m:m`)).toBeUndefined();
    expect(reader.read(`${cluster}:${node}:${other}`)).toBeUndefined();
    expect(reader.read(channelOf(cluster, other, node, 'm'))).toBeUndefined();
  });

  it('remembers a bounded number of channels', () => {
    const reader = new ChannelReader(cluster, node);
    for (let i = 0; i < 10_000; i++) expect(reader.read(channelOf(cluster, node, `x${i}`, 'm'))?.from).toBe(`x${i}`);
    expect(Reflect.get(reader, 'known').size).toBeLessThanOrEqual(4_096);
  });
});

describe('envelopes', () => {
  it('come back as they were written', () => {
    const json = JSON.stringify({ text: 'ö"\\', n: 1 });
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(readRequest(writeRequest('inst', 7, 1999.2, 12.34, trace, json))).toEqual({
      ...{ i: 'inst', n: 7, t: 2000, s: 12.3, p: trace },
      d: { text: 'ö"\\', n: 1 },
    });
    expect(readReply(writeReply('inst', 7, json))).toEqual({ i: 'inst', n: 7, d: { text: 'ö"\\', n: 1 } });
    const refusal = { code: 'purse_empty', message: 'Empty.', details: { have: 1 }, retryAfterMs: 5 } as const;
    expect(readReply(writeRefusal('inst', 7, refusal))?.e).toEqual(refusal);
    expect(readCallList(writeCallList('inst', 3, [7, 9]))).toEqual({ i: 'inst', p: 3, n: [7, 9] });
  });

  it('are refused when malformed, and an unknown error stays one', () => {
    const bad = [
      '',
      'x',
      '[]',
      'null',
      '{}',
      '{"i":1,"n":1}',
      '{"i":"a","n":0}',
      '{"i":"a b","n":1}',
      '{"i":"a","n":1.5}',
    ];
    for (const text of bad) {
      expect(readRequest(text)).toBeUndefined();
      expect(readReply(text)).toBeUndefined();
      expect(readCancel(text)).toBeUndefined();
    }
    expect(readRequest('{"i":"a","n":1,"t":"soon","s":0}')).toBeUndefined();
    const lists: unknown[] = [7, [], ['1'], [0], [1.5], Array.from({ length: 4_097 }, (_, at) => at + 1)];
    for (const n of lists) expect(readCallList(JSON.stringify({ i: 'a', p: 1, n }))).toBeUndefined();
    expect(readCallList('{"i":"a","n":[1]}')).toBeUndefined();
    expect(readReply('{"i":"a","n":1,"e":{"code":"made_up","message":"<b>"}}')?.e?.code).toBe('internal');
    expect(readReply('{"i":"a","n":1,"e":7}')?.e?.code).toBe('internal');
    fc.assert(fc.property(fc.string(), (text) => void readRequest(text)));
    fc.assert(fc.property(fc.json(), (text) => void readReply(text)));
  });
});

describe('what a node remembers of its callers', () => {
  it('admits each call once, in any order, and nothing older than its window', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12_000 }), { maxLength: 400 }), (numbers) => {
        const window = new CallerWindows().of(node, 'i');
        const seen = new Set<number>();
        let highest = 0;
        for (const n of numbers) {
          expect([n, window.received(n)]).toEqual([n, seen.has(n) || n <= highest - 4_096]);
          const fresh = !seen.has(n) && n > highest - 4_096;
          expect([n, window.admit(n)]).toEqual([n, fresh]);
          seen.add(n);
          highest = Math.max(highest, n);
        }
      }),
    );
  });

  it('has not received what has not come, though the place where it will be noted is in use', () => {
    const window = new CallerWindows().of(node, 'i');
    window.admit(1);
    expect([1, 2, 4_097].map((n) => window.received(n))).toEqual([true, false, false]);
  });

  it('finds how long a message waited by comparison with the fastest, whatever the two clocks show', () => {
    const window = new CallerWindows().of(node, 'i');
    expect(window.excessMs(1_000_000, 5)).toBe(0);
    expect(window.excessMs(1_000_100, 105)).toBe(0);
    expect(window.excessMs(1_000_200, 1_705)).toBe(1_500);
    expect(window.excessMs(1_000_300, 304)).toBeLessThanOrEqual(0);
  });

  it('keeps its baseline through a stall, and learns a new one when a clock has jumped', () => {
    const window = new CallerWindows().of(node, 'i');
    for (let at = 0; at < 10_000; at += 1_000) window.excessMs(at, at);
    expect(window.excessMs(10_000, 60_000)).toBe(50_000);
    const jumped = (at: number): number => window.excessMs(at - 1_000_000, at);
    expect(jumped(61_000)).toBeGreaterThan(900_000);
    jumped(71_000);
    expect(jumped(82_000)).toBe(0);
  });

  it('keeps few processes of a node and few nodes', () => {
    const windows = new CallerWindows(3);
    const first = windows.of('a', '1');
    for (const instance of ['2', '3', '4', '5']) windows.of('a', instance);
    expect(windows.known('a', '1')).toBeUndefined();
    expect(windows.of('a', '1')).not.toBe(first);
    const b = windows.of('b', '1');
    windows.of('c', '1');
    windows.of('d', '1');
    expect(windows.of('b', '1')).toBe(b);
    windows.of('e', '1');
    expect(windows.of('b', '1')).not.toBe(b);
  });
});
