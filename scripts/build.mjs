// Builds what changed: the Prisma client when a schema file changed, then every TypeScript source that is newer than its
// output, then the bundle of the processes of `npm start` when anything was. Types are checked by `npm run types`; SWC only
// strips them, which keeps a warm start short.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oneAtATime } from './one-at-a-time.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'dist');
const stampFile = join(out, 'build-stamp.json');

function walk(folder, keep, found = []) {
  if (!existsSync(folder)) return found;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'peers' || entry.name === 'bundle') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, keep, found);
    else if (keep(entry.name)) found.push(path);
  }
  return found;
}

const hashOf = (files) => {
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(relative(root, file)).update(readFileSync(file));
  return hash.digest('hex');
};

function generatePrismaClient() {
  const schema = walk(join(root, 'prisma', 'schema'), (name) => name.endsWith('.prisma'));
  if (schema.length === 0) return;
  const target = join(root, 'libs', 'persistence', 'src', 'generated');
  const stamp = join(target, 'schema.sha256');
  // This file, too: it says how the client is generated.
  const hash = hashOf([...schema, fileURLToPath(import.meta.url)]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  rmSync(target, { recursive: true, force: true });
  // `prisma generate` never runs the schema engine, but its CLI wants to download one unless it is told of a file.
  execFileSync(process.execPath, [join(root, 'node_modules/prisma/build/index.js'), 'generate', '--no-hints'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1' },
  });
  loadCompilerFrom('../../query-compiler.js', join(target, 'internal', 'class.ts'));
  writeFileSync(stamp, hash);
}

/** Has the generated client load its query compiler as we do it: see `libs/persistence/src/query-compiler.ts`. */
function loadCompilerFrom(module, generated) {
  const code = readFileSync(generated, 'utf8');
  const asked = /getQueryCompilerWasmModule: async \(\) => \{[^}]*\}[^}]*\}/;
  if (!asked.test(code))
    throw new Error(`${generated} asks for its query compiler in another way: was Prisma updated?`);
  const own = `getQueryCompilerWasmModule: async () => (await import("${module}")).queryCompilerModule()`;
  writeFileSync(generated, code.replace(asked, own));
}

/** Of the last build that came to its end. Where there is none, or it cannot be read, all is built. */
function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

/** `bundled: false` where nothing starts from the bundle. */
export async function build({ quiet = false, bundled = true } = {}) {
  const started = Date.now();
  generatePrismaClient();
  const sources = ['apps', 'libs', 'scripts', 'bench', 'models', 'test']
    .flatMap((folder) => walk(join(root, folder), (name) => name.endsWith('.ts') && !name.endsWith('.d.ts')))
    .filter((file) => !/\.(int-|e2e-)?spec\.ts$/.test(file));
  const settings = hashOf(
    ['.swcrc', 'package-lock.json', 'scripts/bundle.mjs'].map((name) => join(root, name)).filter(existsSync),
  );
  const everything = readStamp().settings !== settings;
  const outputOf = (file) => join(out, relative(root, file).replace(/\.ts$/, '.js'));
  const wanted = new Set(sources.map(outputOf));
  for (const old of walk(out, (name) => name.endsWith('.js'))) if (!wanted.has(old)) rmSync(old);
  const stale = sources.filter((file) => {
    const output = outputOf(file);
    return everything || !existsSync(output) || statSync(output).mtimeMs < statSync(file).mtimeMs;
  });
  if (stale.length > 0) {
    // A build that is cut short is made anew as a whole.
    rmSync(stampFile, { force: true });
    const { transform } = await import('@swc/core');
    const options = JSON.parse(readFileSync(join(root, '.swcrc'), 'utf8'));
    delete options.$schema;
    await Promise.all(
      stale.map(async (file) => {
        const output = outputOf(file);
        const { code, map } = await transform(readFileSync(file, 'utf8'), { ...options, swcrc: false, filename: file });
        mkdirSync(dirname(output), { recursive: true });
        writeFileSync(`${output}.map`, map ?? '');
        writeFileSync(output, code);
      }),
    );
  }
  const bundle = join(out, 'bundle');
  if (stale.length > 0 && !bundled) rmSync(bundle, { recursive: true, force: true });
  else if (bundled && (stale.length > 0 || !existsSync(join(bundle, 'host.js')))) {
    rmSync(stampFile, { force: true });
    execFileSync(process.execPath, [join(root, 'scripts', 'bundle.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  if (!existsSync(stampFile)) {
    mkdirSync(out, { recursive: true });
    // Whole or not at all, wherever this is cut short.
    writeFileSync(`${stampFile}.tmp`, JSON.stringify({ settings }));
    renameSync(`${stampFile}.tmp`, stampFile);
  }
  if (!quiet && stale.length > 0) console.error(`built ${stale.length} files in ${Date.now() - started} ms`);
  return stale.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await oneAtATime(root, () => build({ bundled: !process.argv.includes('--no-bundle') }));
