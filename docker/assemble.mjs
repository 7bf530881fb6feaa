// Puts together what the image holds: the built services, what they read, the packages that they import and what those
// packages need themselves. Tools that only build (the Prisma command line, compilers, test runners) stay out, and so do
// a package's files that are only read by people or compilers, and binaries of other platforms and databases.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = process.argv[2];
if (!target) {
  console.error('Usage: node docker/assemble.mjs TARGET | --check');
  process.exit(2);
}

const built = [
  'apps',
  'libs',
  ...['compose', 'demo', 'doctor', 'host', 'start', 'triton', 'watershed', 'gateway-place.js'].map(
    (name) => `scripts/${name}`,
  ),
];
const read = ['package.json', 'LICENSE', 'models/language-id', 'prisma/migrations'];

const packageOf = (specifier) => {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
};

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

const forTests = (path) => path.split(sep).includes('testing') || path.endsWith('.fixture.js');
const builtFiles = built
  .flatMap((name) => (name.endsWith('.js') ? [join(root, 'dist', name)] : filesUnder(join(root, 'dist', name))))
  .filter((path) => path.endsWith('.js'));

/** What a file imports, as it is written there. */
const importsOf = (file) =>
  [
    ...readFileSync(file, 'utf8').matchAll(
      /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire(?:\.resolve)?\s*\(\s*)["']([^"']+)["']/g,
    ),
  ].map(([, specifier]) => specifier);

function importedPackages() {
  const all = builtFiles.flatMap(importsOf).filter((specifier) => !/^(\.|#|node:)/.test(specifier));
  const found = new Set(all.map(packageOf));
  return [...found].filter((name) => !builtinModules.includes(name) && /^(@[\w.-]+\/)?[\w.-]+$/.test(name));
}

/** Files of ours that what goes into the image imports and that would stay out of it. */
function leftOut() {
  const inside = new Set(builtFiles.filter((file) => !forTests(relative(root, file))));
  return [...inside].flatMap((file) =>
    importsOf(file)
      .filter((specifier) => /^\.\.?\/.*\.js$/.test(specifier) && !inside.has(join(dirname(file), specifier)))
      .map((specifier) => `${relative(root, file)} imports ${specifier}`),
  );
}

const missing = leftOut();
if (missing.length > 0) {
  console.error(`The image would lack what it runs; name it in docker/assemble.mjs:\n${missing.join('\n')}`);
  process.exit(1);
}
if (target === '--check') process.exit(0);

/** Where Node would find `name` from `folder`. */
function locate(name, folder) {
  for (let at = folder; at.startsWith(root); at = dirname(at)) {
    const path = join(at, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
  }
  return undefined;
}

const folders = new Set();
const waiting = importedPackages().flatMap((name) => locate(name, root) ?? []);
for (const folder of waiting) {
  if (folders.has(folder)) continue;
  folders.add(folder);
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers]) {
    const found = locate(name, folder);
    if (found) waiting.push(found);
  }
}

const forReaders = /(\.map|\.d\.[cm]?ts|\.ts|\.md|\.markdown|\.flow|\.tsbuildinfo)$/i;
const otherDatabases = /query_compiler_\w+_bg\.(cockroachdb|mysql|sqlite|sqlserver)\.|\/query_compiler_fast_bg\./;

function belongs(path) {
  const inside = relative(root, path).split(sep).join('/');
  if (inside.includes('/onnxruntime-node/bin/')) {
    const [, platform, architecture] = inside.split('/bin/')[1].split('/');
    if (platform && platform !== process.platform) return false;
    if (architecture && architecture !== process.arch) return false;
  }
  if (inside.includes('/@prisma/client/runtime/') && otherDatabases.test(inside)) return false;
  return !forReaders.test(basename(path)) || /^licen[cs]e/i.test(basename(path));
}

for (const name of built)
  cpSync(join(root, 'dist', name), join(target, 'dist', name), {
    recursive: true,
    filter: (path) => basename(path) !== 'testing',
  });
for (const name of read) cpSync(join(root, name), join(target, name), { recursive: true });

// A package inside another one's node_modules comes with it only if it is itself needed.
for (const folder of folders)
  cpSync(folder, join(target, relative(root, folder)), {
    recursive: true,
    filter: (path) => (path === folder || basename(path) !== 'node_modules') && belongs(path),
  });
console.log(`${folders.size} packages kept`);
