import type { TestDatabase } from './test-database.js';
import type { TestRedis } from './test-redis.js';

export interface LeakCheckOptions {
  readonly database?: Pick<TestDatabase, 'connections'>;
  readonly redis?: Pick<TestRedis, 'keys'>;
  /** Keys that may stay: what a cluster leaves behind on purpose. */
  readonly allowKey?: (key: string) => boolean;
  /** How long closing may take to show: sockets end a turn of the loop later, Postgres some milliseconds. */
  readonly settleMs?: number;
}

export interface LeakCheck {
  /** Rejects with a list of what was opened since the check began and is still there. */
  expectNothingLeft(): Promise<void>;
}

interface DiagnosticHandle {
  readonly constructor: { readonly name: string };
  readonly spawnfile?: string;
  readonly pid?: number;
  readonly remotePort?: number;
  readonly fd?: number;
}

const diagnostics = process as typeof process & { _getActiveHandles(): readonly DiagnosticHandle[] };

// The process's own streams, and the pipe over which jest talks to its workers.
const alwaysThere = new Set(['WriteStream', 'ReadStream', 'Pipe', 'MessagePort', 'TTY']);

function describe(handle: DiagnosticHandle): string {
  const kind = handle.constructor.name;
  if (handle.spawnfile !== undefined) return `child process ${handle.pid ?? '?'} (${handle.spawnfile})`;
  if (handle.remotePort !== undefined) return `socket to port ${handle.remotePort}`;
  return kind === 'Server' ? 'listening server' : kind;
}

function openTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length;
}

/**
 * Notes what is open now; at the end of a suite `expectNothingLeft` names what was opened since and never closed: servers,
 * sockets, child processes, timers that keep the process alive, Postgres connections, Redis keys.
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  const before = new Set(diagnostics._getActiveHandles());
  const timersBefore = openTimers();
  const leaks = async (): Promise<string[]> => {
    const handles = diagnostics
      ._getActiveHandles()
      .filter((handle) => !before.has(handle) && !alwaysThere.has(handle.constructor.name))
      .map(describe);
    const timers = openTimers() - timersBefore;
    const connections = (await options.database?.connections()) ?? [];
    const keys = ((await options.redis?.keys()) ?? []).filter((key) => !options.allowKey?.(key));
    return [
      ...handles,
      ...(timers > 0 ? [`${timers} timer${timers > 1 ? 's' : ''}`] : []),
      ...connections.map((name) => `Postgres connection of "${name}"`),
      ...keys.map((key) => `Redis key ${key}`),
    ];
  };
  return {
    async expectNothingLeft() {
      const deadline = performance.now() + (options.settleMs ?? 2_000);
      for (;;) {
        const left = await leaks();
        if (left.length === 0) return;
        if (performance.now() > deadline) throw new Error(`left open: ${left.join('; ')}`);
        await new Promise<void>((resolve) => {
          setTimeout(resolve, 25);
        });
      }
    },
  };
}
