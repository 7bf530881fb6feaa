import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Locked = Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const locked = (JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Locked }).packages;

/** Where Node would look for a package from inside another, nearest first. */
function places(from: string, name: string): string[] {
  const parent = from.lastIndexOf('/node_modules/');
  const here = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  return from === '' ? [here] : [here, ...places(parent < 0 ? '' : from.slice(0, parent), name)];
}

const missingIn = (packages: Locked): string[] =>
  Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !places(path, name).some((place) => packages[place])),
  );

describe('the locked packages', () => {
  // npm never asks again for an optional package that the lock file leaves out: what is built here could then be built on
  // no other platform.
  it('name the binaries of every platform, not only of the one where they were locked', () => {
    expect(missingIn(locked)).toEqual([]);
    const { 'node_modules/@swc/core-darwin-arm64': gone, ...others } = locked;
    expect([gone === undefined, missingIn(others)]).toEqual([false, ['@swc/core-darwin-arm64']]);
  });
});
