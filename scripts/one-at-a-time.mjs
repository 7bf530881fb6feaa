// Lets one command of this clone at a time install and build: `npm start` and `npm run demo` are often given at the same
// moment, and each would read and load what the other has half written. Uses nothing but Node, as `prepare.mjs`.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const pauseMs = 50;
/** From then on who waits is told why. */
const silentMs = 2_000;

/** A place that the system gives to one process and takes back when that ends, however it ends. */
function placeOf(folder) {
  const name = `watershed-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return { path: `\0${name}-build` };
  if (process.platform === 'win32') return { path: `\\\\.\\pipe\\${name}` };
  return { path: join(tmpdir(), `${name}.sock`), isFile: true };
}

const take = (path) =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(server));
  });

const isHeld = (path) =>
  new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
  });

/** Runs `work` when no other process is in it for `folder`; waits until then. */
export async function oneAtATime(folder, work) {
  const { path, isFile = false } = placeOf(folder);
  const began = Date.now();
  let told = false;
  let held = await take(path);
  while (!held) {
    // A socket's file outlives who was killed.
    if (isFile && !(await isHeld(path))) rmSync(path, { force: true });
    if (!told && Date.now() - began > silentMs) {
      console.error('Waiting for another command that installs or builds here …');
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    held = await take(path);
  }
  try {
    return await work();
  } finally {
    held.close();
  }
}
