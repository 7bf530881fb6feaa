import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
  type SqlResultSet,
} from '@prisma/driver-adapter-utils';
import pg from 'pg';
import type { Migration } from './migration-folder.js';

// Loaded only when there is something to apply or to compare: 3 MB of WebAssembly have no place in a warm start.
type EngineModule = typeof import('@prisma/schema-engine-wasm');
type Engine = EngineModule['SchemaEngine']['prototype'];

interface EngineExports {
  __wbindgen_start(): void;
}
// The part of the standard that is used here; Node's type package leaves it to the browser's.
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly instance: { readonly exports: EngineExports } }>;
};

let loaded: Promise<EngineModule> | undefined;

async function loadEngine(): Promise<EngineModule> {
  const bindings = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as EngineModule & {
    __wbg_set_wasm(exports: EngineExports): void;
  };
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(entry.replace(/\.js$/, '.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': unheld(bindings) });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return bindings;
}

/** The engine never clears the timer of its lock: ten seconds in which a process that is done would not end. */
function unheld(bindings: object): Record<string, unknown> {
  const imports: Record<string, unknown> = { ...bindings };
  for (const [name, original] of Object.entries(imports)) {
    if (!name.startsWith('__wbg_setTimeout') || typeof original !== 'function') continue;
    imports[name] = (...parameters: unknown[]) => {
      const timer: unknown = original(...parameters);
      if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as NodeJS.Timeout).unref();
      return timer;
    };
  }
  return imports;
}

/** Where Prisma's adapter does not do what the engine needs. */
interface Interception {
  onScript(script: string): Promise<void>;
  queryRaw?(adapter: SqlDriverAdapter, query: SqlQuery): Promise<SqlResultSet>;
}

/** What Prisma's adapter lacks: a migration goes to the server whole, in one transaction with the mark that it ran. */
function wholeScripts(adapter: SqlDriverAdapter, interception: Interception): SqlDriverAdapter {
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: (query) => interception.queryRaw?.(adapter, query) ?? adapter.queryRaw(query),
    executeRaw: (query) => adapter.executeRaw(query),
    startTransaction: (level) => adapter.startTransaction(level),
    getConnectionInfo: () => adapter.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: () => adapter.dispose(),
    // Prisma's splits at every semicolon, which breaks function bodies and commits each statement by itself. One simple
    // query of several statements is one transaction.
    executeScript: interception.onScript,
  };
}

function factoryOn(pool: pg.Pool, interception: Interception) {
  const prismaPg = new PrismaPg(pool);
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: prismaPg.provider,
    adapterName: prismaPg.adapterName,
    connect: async () => wholeScripts(await prismaPg.connect(), interception),
    connectToShadowDb: () => prismaPg.connectToShadowDb(),
  };
  return bindMigrationAwareSqlAdapterFactory(factory);
}

const noFilter = { externalTables: [], externalEnums: [] };

async function withEngine<Result>(
  pool: pg.Pool,
  interception: Interception,
  run: (engine: Engine) => Promise<Result>,
): Promise<Result> {
  loaded ??= loadEngine();
  const { SchemaEngine } = await loaded;
  const engine = await SchemaEngine.new({ datamodels: undefined }, () => undefined, factoryOn(pool, interception));
  try {
    return await run(engine);
  } finally {
    engine.free();
  }
}

function listOf(folder: string, migrations: readonly Migration[]) {
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    })),
  };
}

/** Applies what is not applied yet, as `prisma migrate deploy` does, and says which. Rejects with the server's error. */
export async function applyMigrations(
  pool: pg.Pool,
  folder: string,
  migrations: readonly Migration[],
  markerOf: (migration: Migration) => string,
): Promise<readonly string[]> {
  const bySql = new Map(migrations.map((migration) => [migration.sql, migration]));
  let refusal: unknown;
  const onScript = async (script: string) => {
    const migration = bySql.get(script);
    try {
      await pool.query(migration ? `${script}\n;\n${markerOf(migration)}` : script);
    } catch (error) {
      // The engine passes on its own words; the server's say more.
      refusal = error;
      throw error;
    }
  };
  try {
    const { appliedMigrationNames } = await withEngine(pool, { onScript }, (engine) =>
      engine.applyMigrations({ migrationsList: listOf(folder, migrations), filters: noFilter }),
    );
    return appliedMigrationNames;
  } catch (error) {
    throw refusal ?? error;
  }
}

export interface SchemaFile {
  readonly path: string;
  readonly content: string;
}

const oneByteChar = 18;
const paddedChar = 1042;

// Prisma's adapter does not know the catalogue's one-byte "char", which the engine asks for when it looks at a database
// with constraints. It is read as `char(n)`, and given the type that the engine wants.
function readingCatalogue(pool: pg.Pool): Interception['queryRaw'] {
  const query = pool.query.bind(pool);
  let columns: number[] = [];
  Object.defineProperty(pool, 'query', {
    value: async (config: pg.QueryConfig, values?: unknown[]) => {
      const result = await query(config, values);
      columns = [];
      for (const [index, field] of (result.fields ?? []).entries()) {
        if (field.dataTypeID !== oneByteChar) continue;
        field.dataTypeID = paddedChar;
        columns.push(index);
      }
      return result;
    },
  });
  return async (adapter, wanted) => {
    const result = await adapter.queryRaw(wanted);
    for (const index of columns) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
}

/** Runs `use` with a database that lives as long as that takes. */
async function withScratchDatabase<Result>(
  serverUrl: string,
  use: (pool: pg.Pool) => Promise<Result>,
): Promise<Result> {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  const name = `watershed_scratch_${randomBytes(6).toString('hex')}`;
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 1 });
  try {
    return await use(pool);
  } finally {
    await pool.end();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
}

/**
 * The SQL that brings what `migrations` make to what the schema files describe; starts with `-- This is an empty
 * migration.` when they agree. Compares on a database of its own on the server of `adminUrl`.
 */
export async function schemaDiff(
  adminUrl: string,
  migrations: readonly Migration[],
  files: readonly SchemaFile[],
): Promise<string> {
  return withScratchDatabase(adminUrl, async (pool) => {
    const onScript = async (script: string) => {
      await pool.query(script);
    };
    for (const { sql } of migrations) await pool.query(sql);
    const { stdout } = await withEngine(pool, { onScript, queryRaw: readingCatalogue(pool) }, async (engine) =>
      engine.diff({
        from:
          migrations.length === 0 ? { tag: 'empty' } : { tag: 'schemaDatasource', files: [...files], configDir: '.' },
        to: { tag: 'schemaDatamodel', files: [...files] },
        script: true,
        exitCode: null,
        filters: noFilter,
      }),
    );
    return stdout ?? '';
  });
}
