// Lets one command of this clone at a time install and build: `npm start` and `npm run demo` are often given at the same
// moment, and each would read and load what the other has half written. Uses nothing but Node, as `prepare.mjs`.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';

/** From then on who waits is told why. */
const silentMs = 2_000;
/** Installing takes about a minute. */
const patienceMs = 15 * 60_000;

/** A place that the system gives to one process of this user and takes back when that ends, however it ends. */
function placeOf(folder) {
  const { uid } = userInfo();
  const name = `watershed-${uid}-${createHash('sha256').update(folder).digest('hex').slice(0, 24)}`;
  if (process.platform === 'linux') return { path: `\0${name}` };
  if (process.platform === 'win32') return { path: `\\\\.\\pipe\\${name}` };
  // A socket's path is short: not under a TMPDIR that may be long.
  return { path: `/tmp/${name}.sock`, isFile: true };
}

/** Undefined where another has it. Who waits connects, and is let go by `leave`, or by our end. */
const take = (path) =>
  new Promise((resolve, reject) => {
    const waiting = new Set();
    const server = createServer((socket) => {
      waiting.add(socket.on('error', () => undefined).once('close', () => waiting.delete(socket)));
    });
    const leave = () => {
      server.close();
      for (const socket of waiting) socket.destroy();
    };
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(leave));
  });

/** Waits for the end of whoever has it. False where nobody had. */
const othersEnd = (path) =>
  new Promise((resolve) => {
    let had = true;
    const socket = createConnection(path);
    const patience = setTimeout(() => socket.destroy(), patienceMs);
    socket.once('error', ({ code }) => {
      had = code !== 'ECONNREFUSED' && code !== 'ENOENT';
    });
    socket.once('close', () => {
      clearTimeout(patience);
      resolve(had);
    });
    socket.resume();
  });

/** Runs `work` when no other process is in it for `folder`; waits until then, and ends this process where that takes too long. */
export async function oneAtATime(folder, work) {
  const { path, isFile = false } = placeOf(folder);
  const began = Date.now();
  const say = setTimeout(() => console.error('Waiting for another command that installs or builds here …'), silentMs);
  let leave = await take(path);
  while (!leave) {
    // A socket's file outlives who was killed.
    if (!(await othersEnd(path)) && isFile) rmSync(path, { force: true });
    if (Date.now() - began > patienceMs) {
      console.error(
        `Another command has been installing or building in ${folder} for too long: end it, and try again.`,
      );
      process.exit(1);
    }
    // Refused at once, where too many wait: not asked again without a breath.
    await new Promise((resolve) => setTimeout(resolve, 20));
    leave = await take(path);
  }
  clearTimeout(say);
  try {
    return await work();
  } finally {
    leave();
  }
}
