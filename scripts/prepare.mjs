// Makes a fresh clone runnable: installs the packages when they are missing or stale, then builds what changed.
// Uses nothing but Node, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oneAtATime } from './one-at-a-time.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'node_modules', '.watershed-install');

/** Exits with one line when this Node is older than package.json allows. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`Watershed needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

function installedFor() {
  const hash = createHash('sha256');
  hash.update(readFileSync(join(root, 'package-lock.json')));
  hash.update(process.versions.modules).update(process.platform).update(process.arch);
  return hash.digest('hex');
}

/** Installs the locked packages unless the stamp in node_modules says that they are there already. */
export function installPackages() {
  const wanted = installedFor();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return false;
  console.error('Installing packages (once, about a minute) …');
  // `npm install --no-save` installs what the lock file says and changes no file. `npm ci` would refuse wherever a
  // registry lacks the packages of some other platform.
  const result = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
    // npm 10 runs every install script whatever package.json allows: these keep them from downloading.
    env: {
      ...process.env,
      ONNXRUNTIME_NODE_INSTALL: 'skip',
      ONNXRUNTIME_NODE_INSTALL_CUDA: 'skip',
      PRISMA_SKIP_POSTINSTALL_GENERATE: '1',
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      SCARF_ANALYTICS: 'false',
    },
  });
  if (result.status !== 0) {
    console.error('The packages could not be installed: npm install failed (its message is above).');
    process.exit(1);
  }
  writeFileSync(stampFile, wanted);
  return true;
}

export async function prepare({ quiet = false } = {}) {
  checkNode();
  await oneAtATime(root, async () => {
    installPackages();
    const { build } = await import('./build.mjs');
    await build({ quiet });
  });
}
