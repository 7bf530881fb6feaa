/**
 * How a place keeps what it holds. `ids`: ids, hashes of nothing secret, sizes, amounts, times: no content lies there.
 * `keys`: key files, wrapped keys and hashes of secrets. `sealed`: content that only its key opens. `account`: what a person
 * chose to tell about the account itself, plain. `operator`: the operator's own. `public`: meant for everyone.
 */
export const protections = ['ids', 'keys', 'sealed', 'account', 'operator', 'public'] as const;
export type Protection = (typeof protections)[number];

export interface MapRow {
  readonly place: string;
  readonly protection: Protection;
}

export interface DataMap {
  /** `schema.table.column`; `*` stands for anything. */
  readonly columns: readonly MapRow[];
  /** Globs relative to the data folder: `*` within one name, `**` over any. */
  readonly files: readonly MapRow[];
  /** Globs of Redis keys, with `<cluster>` for the cluster's id. */
  readonly redisKeys: readonly MapRow[];
}

/**
 * The tables of `docs/data-map.md` whose first heading is Column, File or Redis key and whose last is Protection. Throws
 * where a row says nothing that can be understood: a map that cannot be read protects nobody.
 */
export function parseDataMap(page: string): DataMap {
  const map = { columns: [] as MapRow[], files: [] as MapRow[], redisKeys: [] as MapRow[] };
  const kinds: Readonly<Record<string, MapRow[]>> = {
    Column: map.columns,
    File: map.files,
    'Redis key': map.redisKeys,
  };
  let into: MapRow[] | undefined;
  for (const line of page.split('\n')) {
    if (!line.startsWith('|')) {
      into = undefined;
      continue;
    }
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [first = ''] = cells;
    if (first in kinds && cells.at(-1) === 'Protection') into = kinds[first];
    else if (into && !/^-+$/.test(first)) into.push(...rowsOf(cells, line));
  }
  for (const [kind, rows] of Object.entries(kinds))
    if (rows.length === 0) throw new Error(`the data map has no table of ${kind}`);
  return map;
}

function rowsOf(cells: readonly string[], line: string): readonly MapRow[] {
  const last = cells.at(-1);
  const protection = protections.find((each) => each === last);
  if (!protection)
    throw new Error(`the data map says "${last}" where one of ${protections.join(', ')} belongs: ${line}`);
  const places = [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, place = '']) => place);
  if (places.length === 0) throw new Error(`a row of the data map names no place: ${line}`);
  const [first = ''] = places;
  const above = /^(\w+\.\w+)\.\w+$/.exec(first)?.[1];
  // After `schema.table.column` the other columns of that table may stand by themselves.
  return places.map((place) => ({ place: above && !place.includes('.') ? `${above}.${place}` : place, protection }));
}

function expressionOf(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\?]/g, '\\$&')
    .replace(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]*'));
  return new RegExp(`^${source}$`, 's');
}

/** The row that speaks of `place`; undefined where none does. The first one that fits counts. */
export function rowFor(rows: readonly MapRow[], place: string): MapRow | undefined {
  return rows.find((row) => expressionOf(row.place).test(place));
}

/** Every column that a Prisma schema file makes, as `schema.table.column`. */
export function columnsOfPrisma(schema: string): readonly string[] {
  return [...schema.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)].flatMap(([, body = '']) => {
    const name = (attribute: string) => new RegExp(`@@${attribute}\\("([^"]+)"\\)`).exec(body)?.[1] ?? '';
    const table = `${name('schema')}.${name('map')}`;
    return body.split('\n').flatMap((line) => {
      const field = /^\s+(\w+)\s+(String|Int|BigInt|Bytes|Boolean|DateTime|Json|Float|Decimal)\b/.exec(line);
      if (!field) return [];
      return [`${table}.${/@map\("([^"]+)"\)/.exec(line)?.[1] ?? field[1] ?? ''}`];
    });
  });
}
