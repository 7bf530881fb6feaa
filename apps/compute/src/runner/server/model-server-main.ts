import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The built entry point of the embedded model server. Beside this file when this file is built too; under `dist` when
 * this one runs from its source, as in tests.
 */
export function modelServerMain(from = import.meta.url): string {
  const here = dirname(fileURLToPath(from));
  const beside = join(here, '..', '..', 'model-server', 'main.js');
  if (existsSync(beside)) return beside;
  const root = join(here, '..', '..', '..', '..', '..');
  return join(root, 'dist', 'apps', 'compute', 'src', 'model-server', 'main.js');
}
