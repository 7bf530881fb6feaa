import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type pg from 'pg';
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
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return bindings;
}

/** What Prisma's adapter lacks: a migration goes to the server whole, in one transaction with the mark that it ran. */
function wholeScripts(adapter: SqlDriverAdapter, onScript: (script: string) => Promise<void>): SqlDriverAdapter {
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: (query) => adapter.queryRaw(query),
    executeRaw: (query) => adapter.executeRaw(query),
    startTransaction: (level) => adapter.startTransaction(level),
    getConnectionInfo: () => adapter.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: () => adapter.dispose(),
    // Prisma's splits at every semicolon, which breaks function bodies and commits each statement by itself. One simple
    // query of several statements is one transaction.
    executeScript: onScript,
  };
}

function factoryOn(pool: pg.Pool, onScript: (script: string) => Promise<void>) {
  const prismaPg = new PrismaPg(pool);
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: prismaPg.provider,
    adapterName: prismaPg.adapterName,
    connect: async () => wholeScripts(await prismaPg.connect(), onScript),
    connectToShadowDb: () => prismaPg.connectToShadowDb(),
  };
  return bindMigrationAwareSqlAdapterFactory(factory);
}

const noFilter = { externalTables: [], externalEnums: [] };

async function withEngine<Result>(
  pool: pg.Pool,
  onScript: (script: string) => Promise<void>,
  run: (engine: Engine) => Promise<Result>,
): Promise<Result> {
  loaded ??= loadEngine();
  const { SchemaEngine } = await loaded;
  const engine = await SchemaEngine.new({ datamodels: undefined }, () => undefined, factoryOn(pool, onScript));
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
    const { appliedMigrationNames } = await withEngine(pool, onScript, (engine) =>
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

/** The SQL that turns what `from` describes (nothing when absent) into what `to` describes. */
export async function schemaDiff(
  pool: pg.Pool,
  to: readonly SchemaFile[],
  from?: readonly SchemaFile[],
): Promise<string> {
  const result = await withEngine(
    pool,
    async (script) => {
      await pool.query(script);
    },
    (engine) =>
      engine.diff({
        from: from ? { tag: 'schemaDatamodel', files: [...from] } : { tag: 'empty' },
        to: { tag: 'schemaDatamodel', files: [...to] },
        script: true,
        exitCode: null,
        filters: noFilter,
      }),
  );
  return result.stdout ?? '';
}
