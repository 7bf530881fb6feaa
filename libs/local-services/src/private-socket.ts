import { rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

/** Bytes that a socket's path may have: what the system's `sockaddr_un` holds, without the zero byte at its end. */
export const longestSocketPath = process.platform === 'linux' ? 107 : 103;

/**
 * The path of a socket that a server may open in `folder`; undefined where it has to do without one: the path is too long,
 * others may enter the folder, or system or file system know no sockets. Leaves alone what a killed server left there: Redis
 * and Postgres put theirs in its place.
 */
export async function privateSocket(folder: string, name: string): Promise<string | undefined> {
  const path = join(resolve(folder), name);
  // Windows has pipes under names of their own, and clients that expect none.
  if (process.platform === 'win32' || Buffer.byteLength(path) > longestSocketPath) return undefined;
  if (((await stat(folder)).mode & 0o077) !== 0) return undefined;
  // Under a name that no client looks for, and no longer than that of the shortest socket.
  return (await mayListen(join(resolve(folder), '.sockets'))) ? path : undefined;
}

/** How a file system says that it knows no sockets. */
const unknown = new Set<unknown>(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

/**
 * Tried, for a server that is told to open a socket and cannot does not start. Where something else is wrong, a full disk
 * say, that is just what it is to do: started again without one, it would not be found by who was told of it.
 */
async function mayListen(path: string): Promise<boolean> {
  await rm(path, { force: true }); // of a start that was killed in the middle of this
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(!unknown.has(error.code)));
    server.listen(path, () => server.close(() => done(true)));
  });
}
