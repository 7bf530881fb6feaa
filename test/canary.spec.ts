import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { columnsOfPrisma, parseDataMap, rowFor } from './canary/data-map.js';
import { disguises } from './canary/disguises.js';
import { shortestCanary } from './canary/forms.js';
import { CanarySearch } from './canary/search.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const letters = (count: number): string =>
  [...randomBytes(count)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('');

describe('the search for canaries', () => {
  const text = letters(24);
  const search = new CanarySearch([{ name: 'it', text }]);
  const noise = (count: number) => randomBytes(count);

  it.each(disguises.map((disguise) => [disguise.name, disguise] as const))('sees it as %s', (_, disguise) => {
    const worn = disguise.wear(text);
    expect(search.search(worn, { asValue: true }).map(({ canary }) => canary)).toContain('it');
    for (const before of [1, 2, 3, 1_021]) {
      const hidden = Buffer.concat([noise(before), worn, noise(500)]);
      expect(search.search(hidden).length > 0).toBe(!disguise.isHeadless);
    }
  });

  it('sees it where an LZ compressor left it in runs of eight, at any alignment', () => {
    for (let at = 0; at < 8; at += 1) {
      const runs =
        Buffer.from(text)
          .subarray(at)
          .toString()
          .match(/.{1,8}/g) ?? [];
      expect(search.search(Buffer.from(runs.join('\0'))).length).toBeGreaterThan(0);
    }
  });

  it('sees it in the entry of a zip, and in a stream that breaks off', () => {
    const deflate = disguises.find(({ name }) => name === 'deflate');
    const gzip = disguises.find(({ name }) => name === 'gzip');
    const head = Buffer.alloc(30);
    head.write('PK\x03\x04', 'latin1');
    head.writeUInt16LE(8, 8);
    head.writeUInt16LE(4, 26);
    const entry = Buffer.concat([noise(50), head, Buffer.from('name'), deflate?.wear(text) ?? noise(1)]);
    expect(search.search(entry).some(({ inside }) => inside[0] === 'zip')).toBe(true);
    const broken = gzip?.wear(text).subarray(0, -6) ?? noise(1);
    expect(search.search(broken).length).toBeGreaterThan(0);
  });

  it('sees nothing where there is nothing: neither in noise nor in what only resembles it', () => {
    expect(search.search(noise(2_000_000), { asValue: true })).toEqual([]);
    const others = disguises.map(({ wear }) => wear(letters(24)));
    expect(search.search(Buffer.concat(others))).toEqual([]);
    expect(search.search(Buffer.from(text.slice(1, 8)))).toEqual([]);
    expect(search.search(Buffer.alloc(0), { asValue: true })).toEqual([]);
  });

  it('tells several apart, and refuses one so short that chance would find it', () => {
    const [one, other] = [letters(20), letters(20)];
    const both = new CanarySearch([
      { name: 'one', text: one },
      { name: 'other', text: other },
    ]);
    const found = both.search(Buffer.from(`${Buffer.from(other).toString('hex')} ${one}`));
    expect(new Set(found.map(({ canary, form }) => `${canary} ${form}`))).toContain('other hex');
    expect(new Set(found.map(({ canary }) => canary))).toEqual(new Set(['one', 'other']));
    expect(() => new CanarySearch([{ name: 'x', text: letters(shortestCanary - 1) }])).toThrow(RangeError);
  });
});

describe('the data map', () => {
  const page = readFileSync(join(root, 'docs', 'data-map.md'), 'utf8');
  const map = parseDataMap(page);
  const schemas = readdirSync(join(root, 'prisma', 'schema')).filter((name) => name.endsWith('.prisma'));
  const columns = schemas.flatMap((name) =>
    columnsOfPrisma(readFileSync(join(root, 'prisma', 'schema', name), 'utf8')),
  );

  it('names no column of these tables that is not there, and none twice', () => {
    expect(columns.length).toBeGreaterThan(150);
    const tables = new Set(columns.map((column) => column.replace(/\.\w+$/, '')));
    const named = map.columns.map(({ place }) => place).filter((place) => tables.has(place.replace(/\.\w+$/, '')));
    expect(named.filter((place) => !columns.includes(place))).toEqual([]);
    expect(named.filter((place, at) => named.indexOf(place) !== at)).toEqual([]);
  });

  it('is refused where it cannot be read, and misses what it does not name', () => {
    expect(() => parseDataMap('nothing')).toThrow('no table of Column');
    expect(() => parseDataMap(page.replace('| ids |\n', '| perhaps |\n'))).toThrow('perhaps');
    expect(() => parseDataMap(page.replace(/\| `gateway\.once\.principal`[^|]*/, '| none '))).toThrow('names no place');
    expect(rowFor(map.columns, 'gateway.person.diary')).toBeUndefined();
    expect(rowFor(map.files, 'diary/today.txt')).toBeUndefined();
    const made = columnsOfPrisma('model A {\n  one String @map("o_ne")\n  two B[]\n  @@map("a")\n  @@schema("s")\n}\n');
    expect(made).toEqual(['s.a.o_ne']);
  });
});
