import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// Node has it, its types and our `lib` have not.
declare const WebAssembly: { Module: new (bytes: Uint8Array) => object };

const file = '@prisma/client/runtime/query_compiler_small_bg.postgresql.wasm-base64.mjs';
const literal = /"([A-Za-z0-9+/=]+)"/;

/**
 * Prisma's query compiler, which the generated client asks for at its first query (`scripts/build.mjs` puts this in place of
 * an import). Read as a file, its text is forgotten; as an imported module it would stay for as long as the process lives.
 * V8 compiles it by its fast compiler alone: the optimising one takes tens of megabytes that the allocator does not
 * give back, for queries that are no hot path. Other modules, such as the parser of HTTP, are optimised as ever.
 */
export async function queryCompilerModule(): Promise<object> {
  const text = await readFile(createRequire(import.meta.url).resolve(file), 'latin1');
  const [, base64] = literal.exec(text) ?? [];
  if (base64 === undefined) throw new TypeError(`${file} holds no WebAssembly: was Prisma updated?`);
  // What was compiled without dynamic tiering would all be optimised at once, unless that is off, too; it concerns no module
  // with dynamic tiering.
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
  try {
    return new WebAssembly.Module(Buffer.from(base64, 'base64'));
  } finally {
    setFlagsFromString('--wasm-dynamic-tiering');
  }
}
