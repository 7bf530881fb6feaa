import { createConnection, createServer, type NetConnectOpts } from 'node:net';

/** A port of the loopback interface that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Whether something may be bound to this port of `host` now. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

const portsOfACluster = 40;
/** Where systems begin to take ports for outgoing connections. */
const ephemeralFrom = 32_000;

/** The first of forty ports in a row that nothing uses now, from `from` on: as many as `npm start` takes. */
export async function freePortRange(from: number): Promise<number> {
  for (let base = from; base < ephemeralFrom; base += portsOfACluster) {
    const free = await Promise.all(Array.from({ length: portsOfACluster }, (_, offset) => isPortFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${portsOfACluster} free ports in a row from ${from} on`);
}

/** Whether something takes connections on this port of the loopback interface. */
export const isPortOpen = (port: number): Promise<boolean> => takesConnections({ port, host: '127.0.0.1' });

/** Whether something takes connections at this address or socket; no, where its `timeout` is over first. */
export async function takesConnections(to: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(to);
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

/** Asks until the answer is yes; false when `givenUp` says that it never will be, or the time is up. */
export async function until(
  answers: () => Promise<boolean>,
  timeoutMs: number,
  givenUp: () => boolean,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end && !givenUp()) {
    if (await answers()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
