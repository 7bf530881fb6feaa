import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A Triton that `npm run triton -- setup` put on this machine. */
export interface TritonInstallation {
  /** What it was made of; another one means that it is made anew. */
  readonly key: string;
  readonly version: string;
  readonly folder: string;
  readonly command: string;
  readonly backends: string;
  /** Holds the `python3` by which a model's process finds its interpreter and packages. */
  readonly pythonBin: string;
  /** Where the loader finds what server and interpreter are linked against, with colons between. */
  readonly libraryPath: string;
}

/** What stands in `installation.json`: the part that cannot be derived from the folder. */
export interface TritonInstallationRecord {
  readonly key: string;
  readonly version: string;
  /** The folder of the interpreter's shared library. */
  readonly pythonLibraries: string;
}

export const tritonFolder = (root: string): string => join(root, '.watershed', 'triton');

export const tritonLayout = (folder: string, { key, version, pythonLibraries }: TritonInstallationRecord) => {
  const own = join(folder, key);
  return {
    key,
    version,
    folder: own,
    command: join(own, 'server', 'pytriton', 'tritonserver', 'bin', 'tritonserver'),
    backends: join(own, 'backends'),
    pythonBin: join(own, 'python', 'bin'),
    libraryPath: `${pythonLibraries}:${join(own, 'server', 'nvidia_pytriton.libs')}`,
  };
};

/** The installation in `<project>/.watershed/triton`, or undefined where there is none that is whole. */
export function findTriton(folder: string): TritonInstallation | undefined {
  const file = join(folder, 'installation.json');
  if (!existsSync(file)) return undefined;
  let record: Partial<TritonInstallationRecord>;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as Partial<TritonInstallationRecord>;
  } catch {
    return undefined; // half written by a machine that lost power: it is made anew
  }
  const { key, version, pythonLibraries } = record;
  if (!key || !version || !pythonLibraries) return undefined;
  const installation = tritonLayout(folder, { key, version, pythonLibraries });
  // The interpreter is a link into the system, and whoever upgrades the system may take it away.
  const whole = existsSync(installation.command) && existsSync(join(installation.pythonBin, 'python3'));
  return whole ? installation : undefined;
}
