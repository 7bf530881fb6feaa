import { createConnection } from 'node:net';

/** A container whose neighbours did not come in time: it ends with this line and its engine starts it again. */
export class WaitedInVainError extends Error {
  override readonly name = 'WaitedInVainError';
}

/** No engine is trusted to start containers in order: each waits for what it needs, for so long. */
export const waitMs = 120_000;

/** Asks again and again until there is an answer. @throws WaitedInVainError that says what was missing. */
export async function awaitAnswer<T>(what: string, ask: () => Promise<T | undefined>, limitMs = waitMs): Promise<T> {
  const end = performance.now() + limitMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(1_000, pauseMs * 1.5)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new WaitedInVainError(`Waited ${limitMs / 1000} s for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Waits until something listens where `url` points. */
export async function awaitServer(what: string, url: string, defaultPort: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const target = { host: hostname, port: Number(port || defaultPort), timeout: 2_000 };
  await awaitAnswer(`${what} at ${target.host}:${target.port}`, () => connects(target));
}

function connects(target: { host: string; port: number; timeout: number }): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(target);
    const end = (answer: true | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(undefined));
    socket.once('timeout', () => end(undefined));
  });
}
