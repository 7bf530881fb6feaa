import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { WebSocket } from 'undici';
import { eventually } from '#testing';
import { type FaultedCluster, services } from './faulted-cluster.js';

export interface Fault {
  readonly name: string;
  /** Strikes the process that people's connections lead to: some of them find it gone. */
  readonly refusesConnections?: boolean;
  /** Ends when the fault has struck, and where it passes by itself, has passed. */
  inject(stand: FaultedCluster): Promise<void>;
}

/** Longer than the silence after which the index suspects a node (3 s). */
const stillMs = 4_000;
const burnMs = 3_000;

/** What the launcher says on its screen once more than before, as soon as `strike` is felt. */
async function noticed(stand: FaultedCluster, line: string, strike: () => void | Promise<void>): Promise<void> {
  const count = () => stand.cluster.output.split(line).length;
  const before = count();
  await strike();
  await eventually(() => expect(count()).toBeGreaterThan(before), { timeoutMs: 45_000 });
}

const kill = (pid: number, signal: NodeJS.Signals) => {
  if (pid <= 0) throw new Error(`nobody to send ${signal} to`);
  process.kill(pid, signal);
};

const killedAndEmptied: Fault = {
  name: 'Redis is killed and finds nothing of what it kept',
  inject: (stand) =>
    noticed(stand, 'Redis ended unasked', () => {
      const folder = stand.cluster.seen('redis');
      kill(stand.storagePid('Redis'), 'SIGKILL');
      for (const name of readdirSync(folder))
        if (name !== 'redis.conf') rmSync(join(folder, name), { recursive: true, force: true });
    }),
};

/** Whoever could give the nodes their Redis users back has to come back first itself, without the database at first. */
const allAtOnce: Fault = {
  name: 'governance, Postgres and Redis are killed at once',
  inject: (stand) =>
    noticed(stand, 'governance was killed by SIGKILL', async () => {
      kill(stand.pidOf('governance'), 'SIGKILL');
      kill(stand.storagePid('Postgres'), 'SIGKILL');
      await killedAndEmptied.inject(stand);
    }),
};

const flushed: Fault = {
  name: 'Redis is flushed',
  inject: async (stand) => {
    const redis = new Redis(stand.redisUrl);
    try {
      await redis.flushall();
    } finally {
      redis.disconnect();
    }
  },
};

const postgresEnds = (what: string, signal: NodeJS.Signals): Fault => ({
  name: `Postgres ${what}`,
  inject: (stand) => noticed(stand, 'Postgres ended unasked', () => kill(stand.storagePid('Postgres'), signal)),
});

const connectionsCut: Fault = {
  name: 'every connection to Postgres is cut',
  inject: async (stand) => {
    const client = new pg.Client(stand.databaseUrl);
    await client.connect();
    try {
      const cut = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      );
      expect(cut.rowCount).toBeGreaterThan(0);
    } finally {
      await client.end();
    }
  },
};

/** Seen from outside, a loop that does nothing at all: no heartbeat, no answer, but every connection stays open. */
const standsStill = (service: string): Fault => ({
  name: `${service} stands still for ${stillMs / 1_000} s`,
  inject: async (stand) => {
    const pid = stand.pidOf(service);
    kill(pid, 'SIGSTOP');
    try {
      await delay(stillMs);
    } finally {
      kill(pid, 'SIGCONT');
    }
  },
});

/** Real work in the service's own event loop, sent by the door that Node opens for debuggers. */
const burns = (service: string): Fault => ({
  name: `${service}'s event loop is busy with something else for ${burnMs / 1_000} s`,
  inject: async (stand) => {
    const door = /Debugger listening on (ws:\/\/\S+)/g;
    const doors = () => [...stand.logOf(service).matchAll(door)].map(([, url]) => url);
    const known = doors().length;
    const pid = stand.pidOf(service);
    kill(pid, 'SIGUSR1');
    // A process that was asked before keeps its door open and says nothing new.
    await eventually(() => doors().length > known, { timeoutMs: 10_000 });
    await evaluate(doors().at(-1) ?? '', `for (const end = Date.now() + ${burnMs}; Date.now() < end; );`);
    expect(stand.pidOf(service)).toBe(pid);
  },
});

async function evaluate(url: string, expression: string): Promise<void> {
  const socket = new WebSocket(url);
  const failed = new Promise<never>((_, reject) => {
    socket.onerror = () => reject(new Error('the debugger’s door did not open'));
    socket.onclose = () => reject(new Error('the debugger’s door closed before the answer'));
  });
  const answered = new Promise<void>((resolve) => {
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
    socket.onmessage = ({ data }) => {
      if ((JSON.parse(String(data)) as { id?: number }).id === 1) resolve();
    };
  });
  await Promise.race([answered, failed]);
  socket.onclose = null;
  socket.close();
}

const toldToStop = (service: string): Fault => ({
  name: `${service} is told to stop`,
  refusesConnections: service === 'gateway',
  inject: (stand) => noticed(stand, `${service} ended with code 0`, () => kill(stand.pidOf(service), 'SIGTERM')),
});

const starved = ['gateway', 'toll', 'runner', 'index'] as const;

/** A few seconds all together: every test run has time for them. */
export const storageFaults: readonly Fault[] = [
  killedAndEmptied,
  flushed,
  postgresEnds('is killed', 'SIGKILL'),
  postgresEnds('is told to end at once', 'SIGQUIT'),
  connectionsCut,
  allAtOnce,
];

/** By what happens to a service; a test that has no time for all takes one of each. */
export const serviceFaults: readonly (readonly Fault[])[] = [
  starved.map(standsStill),
  starved.map(burns),
  services.map(toldToStop),
];
