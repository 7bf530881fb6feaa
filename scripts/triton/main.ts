import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTriton, LocalServiceError, tritonFolder } from '#local-services';
import { setUpTriton } from './set-up.js';

const help = `Usage: npm run -s triton -- setup

Sets a real Triton Inference Server up for this machine's processor, in .watershed/triton and nowhere else: about 300 MB.
Needs Linux on x86-64, Python 3.11 with pip and its shared library, and a package index that pip reaches.
Does nothing where it is set up already. Then npm start -- --triton serves models from it.
`;

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const [command, ...rest] = process.argv.slice(2);

async function main(): Promise<number> {
  if (command === '--help' || command === '-h' || command === 'help') {
    process.stdout.write(help);
    return 0;
  }
  if (command !== 'setup' || rest.length > 0) {
    process.stderr.write(help);
    return 2;
  }
  const before = findTriton(tritonFolder(root))?.key;
  const { version, key, folder } = await setUpTriton({ root, onProgress: (line) => console.log(line) });
  if (key === before) console.log(`Triton ${version} is set up already, in ${folder}`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LocalServiceError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
