// Runs one of the project's commands from its built form: `node scripts/run.mjs <command> [arguments]`.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const commands = {
  demo: 'scripts/demo/main.js',
  doctor: 'scripts/doctor/main.js',
  watershed: 'scripts/watershed/main.js',
  'model-server': 'apps/compute/src/model-server/main.js',
  bench: 'bench/main.js',
  compose: 'scripts/compose/main.js',
  'train-language-id': 'models/language-id/train.js',
  migration: 'scripts/migration.js',
  openapi: 'scripts/openapi/main.js',
  triton: 'scripts/triton/main.js',
  k6: 'scripts/k6/main.js',
};
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const command = commands[process.argv[2]];
if (!command) {
  console.error(`unknown command; one of: ${Object.keys(commands).join(', ')}`);
  process.exit(2);
}
const { prepare } = await import('./prepare.mjs');
await prepare({ quiet: true });
process.argv.splice(1, 2, join(root, 'dist', command));
await import(pathToFileURL(process.argv[1]).href);
