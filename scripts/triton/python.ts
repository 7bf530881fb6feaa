import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LocalServiceError } from '#local-services';
import { pythonVersion } from './pins.js';

export interface Python {
  /** The interpreter itself, with no link and no virtual environment before it. */
  readonly executable: string;
  /** The folder of its shared library, which the server's Python backend is linked against. */
  readonly libraries: string;
}

/** Asks an interpreter about itself. */
const question = `
import importlib.util, json, os, sys, sysconfig
name = sysconfig.get_config_var('INSTSONAME') or ''
folders = [sysconfig.get_config_var('LIBDIR') or '', '/usr/lib/' + (sysconfig.get_config_var('MULTIARCH') or ''), '/usr/lib64']
found = [folder for folder in folders if name.startswith('libpython') and '.so' in name and os.path.exists(os.path.join(folder, name))]
print(json.dumps({
    'version': '%d.%d' % sys.version_info[:2],
    'executable': os.path.realpath(getattr(sys, '_base_executable', '') or sys.executable),
    'libraries': found[0] if found else None,
    'pip': importlib.util.find_spec('pip') is not None,
}))`;

interface Told {
  readonly version: string;
  readonly executable: string;
  readonly libraries: string | null;
  readonly pip: boolean;
}

function ask(command: string): Told | undefined {
  const { status, stdout } = spawnSync(command, ['-c', question], { encoding: 'utf8', timeout: 20_000 });
  if (status !== 0) return undefined;
  try {
    return JSON.parse(stdout) as Told;
  } catch {
    return undefined; // something of that name that is no Python
  }
}

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const remedy =
  'install it (Debian: apt-get install python3.11 python3-pip libpython3.11), or name a Triton that runs with TRITON_URL';

/**
 * Finds a Python of the wanted version that has pip and a shared library.
 * @throws LocalServiceError `triton_unavailable` that says which of them is lacking.
 */
export function findPython(path = process.env.PATH ?? ''): Python {
  const asked = new Set<string>();
  let nearest: Told | undefined;
  for (const name of [`python${pythonVersion}`, 'python3', 'python'])
    for (const folder of path.split(delimiter).filter(Boolean)) {
      const file = join(folder, name);
      if (!isExecutable(file)) continue;
      const told = ask(file);
      if (!told || told.version !== pythonVersion || asked.has(told.executable)) continue;
      asked.add(told.executable);
      if (told.pip && told.libraries !== null) return { executable: told.executable, libraries: told.libraries };
      nearest ??= told;
    }
  if (!nearest) throw lacking(`needs Python ${pythonVersion}, and none is on the PATH`);
  if (!nearest.pip) throw lacking(`needs pip, and ${nearest.executable} has none`);
  throw lacking(`needs libpython${pythonVersion}.so, and ${nearest.executable} was built without a shared library`);
}

const lacking = (what: string) => new LocalServiceError('triton_unavailable', `Triton ${what}: ${remedy}.`);
