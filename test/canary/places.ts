import { readdirSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';

/** Bytes that lie somewhere, with the name of that place as the data map has it. */
export interface Place {
  readonly place: string;
  readonly bytes: Buffer;
  /** One value by itself, which may be a compressed whole. */
  readonly isValue: boolean;
}

const pageBytes = 8_192;
const zeros = Buffer.alloc(pageBytes);

/** Files of databases are mostly pages of zeros, in which nothing lies: of each run one page is kept. */
export function withoutZeroPages(bytes: Buffer): Buffer {
  const kept: Buffer[] = [];
  let wasZero = false;
  for (let at = 0; at < bytes.length; at += pageBytes) {
    const page = bytes.subarray(at, at + pageBytes);
    const isZero = page.length === pageBytes && page.equals(zeros);
    if (!isZero || !wasZero) kept.push(page);
    wasZero = isZero;
  }
  return Buffer.concat(kept);
}

/** Every file under `folder`, by its path from there. */
export function* filesUnder(folder: string): Generator<Place> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const place = relative(folder, path);
    yield { place: `${place}`, bytes: Buffer.from(place), isValue: false };
    try {
      yield { place, bytes: withoutZeroPages(readFileSync(path)), isValue: true };
    } catch (error) {
      // Removed since it was listed: a living cluster's logs and WAL come and go.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Every value of every column of every table that is not Postgres' own, as text and as the bytes it stands for. */
export async function* valuesIn(databaseUrl: string): AsyncGenerator<Place> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: columns } = await client.query<{ schema: string; table: string; name: string; type: string }>(
      `SELECT table_schema AS schema, table_name AS table, column_name AS name, data_type AS type
       FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
       ORDER BY 1, 2, ordinal_position`,
    );
    for (const { schema, table, name, type } of columns) {
      const value = type === 'bytea' ? `"${name}"` : `convert_to("${name}"::text, 'UTF8')`;
      const { rows } = await client.query<{ value: Buffer | null }>(
        `SELECT ${value} AS value FROM "${schema}"."${table}"`,
      );
      const place = `${schema}.${table}.${name}`;
      yield { place, bytes: Buffer.alloc(0), isValue: false };
      for (const row of rows) if (row.value) yield { place, bytes: row.value, isValue: true };
    }
  } finally {
    await client.end();
  }
}

/** Every key of a Redis with all that lies under it. */
export async function* keysIn(redis: Redis): AsyncGenerator<Place> {
  let cursor = '0';
  do {
    const [next, keys] = await redis.scanBuffer(cursor, 'COUNT', 500);
    cursor = next.toString();
    for (const key of keys) {
      const place = key.toString('latin1');
      yield { place, bytes: key, isValue: false };
      for (const bytes of await partsOf(redis, key)) yield { place, bytes, isValue: true };
    }
  } while (cursor !== '0');
}

async function partsOf(redis: Redis, key: Buffer): Promise<readonly Buffer[]> {
  switch (await redis.type(key)) {
    case 'string': {
      const value = await redis.getBuffer(key);
      return value ? [value] : [];
    }
    case 'hash':
      return flat(await redis.callBuffer('HGETALL', key));
    case 'list':
      return redis.lrangeBuffer(key, 0, -1);
    case 'set':
      return redis.smembersBuffer(key);
    case 'zset':
      return redis.zrangeBuffer(key, 0, -1);
    case 'stream':
      return flat(await redis.callBuffer('XRANGE', key, '-', '+'));
    default:
      return []; // expired since it was listed
  }
}

function flat(reply: unknown): readonly Buffer[] {
  if (Buffer.isBuffer(reply)) return [reply];
  return Array.isArray(reply) ? reply.flatMap(flat) : [];
}

/** All that passes through a Redis while it listens, messages that nobody keeps among it. */
export class RedisTap {
  readonly #chunks: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    // A Redis that is stopped ends the tap; what was heard stays.
    socket.on('error', () => undefined);
  }

  static async open(port: number, password: string): Promise<RedisTap> {
    const socket = createConnection({ host: '127.0.0.1', port });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const tap = new RedisTap(socket);
    socket.write(`AUTH ${password}\r\nMONITOR\r\n`);
    return tap;
  }

  /** As one value a line, with MONITOR's escapes undone: what is binary is binary again. */
  *heard(): Generator<Place> {
    const told = new Set<string>();
    for (const line of Buffer.concat(this.#chunks).toString('latin1').split('\r\n')) {
      const command = line.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, letter = '') =>
        hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (escapes[letter] ?? letter),
      );
      yield { place: 'MONITOR', bytes: Buffer.from(line, 'latin1'), isValue: false };
      if (command !== line) yield { place: 'MONITOR', bytes: Buffer.from(command, 'latin1'), isValue: false };
      for (const part of command.split('" "')) {
        if (!told.has(part)) yield { place: 'MONITOR', bytes: Buffer.from(part, 'latin1'), isValue: true };
        told.add(part);
      }
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };
