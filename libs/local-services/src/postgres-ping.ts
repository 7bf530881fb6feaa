import { createConnection } from 'node:net';

const protocolVersion3 = 196_608;

/** The first message of the frontend protocol: length, version, then name and value pairs that end with a zero byte. */
function startupMessage(): Buffer {
  const body = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + body.length, 0);
  head.writeInt32BE(protocolVersion3, 4);
  return Buffer.concat([head, body]);
}

/**
 * Whether the server on this port takes logins. An open port is not enough: after a crash Postgres listens while it still
 * replays its log, and answers with an error (`E`) where it would otherwise ask who we are (`R`).
 */
export async function takesLogins(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1', timeout: 1_000 });
    const end = (takes: boolean) => {
      socket.destroy();
      resolve(takes);
    };
    socket.once('connect', () => socket.write(startupMessage()));
    socket.once('data', (answer) => end(answer[0] === 'R'.charCodeAt(0)));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
    socket.once('close', () => resolve(false));
  });
}
