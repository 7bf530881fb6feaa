import { createHook } from 'node:async_hooks';
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

interface TrackedTimer {
  readonly timer: { hasRef?(): boolean; readonly _destroyed?: boolean };
  /** Who set it: the first frame outside Node. */
  readonly setBy: string;
}

// Timers of the test runner itself, and this check's own waits.
const ownFrames = /node_modules[\\/](@jest|jest)[-\\/]|leak-check\.ts|eventually\.ts/;

/** Timers set from now on that are still running and keep the process alive. */
function trackTimers(): { running(): readonly string[]; stop(): void } {
  const timers = new Map<number, TrackedTimer>();
  const hook = createHook({
    init(id, type, _trigger, resource) {
      if (type !== 'Timeout') return;
      const frames = (new Error().stack ?? '').split('\n').slice(1);
      const caller = frames.find((frame) => !frame.includes('node:') && !frame.includes('AsyncHook.init'));
      timers.set(id, { timer: resource, setBy: caller?.trim().replace(/^at /, '') ?? 'node' });
    },
    destroy: (id) => timers.delete(id),
  });
  hook.enable();
  return {
    running: () =>
      [...timers.values()]
        .filter(({ timer, setBy }) => timer.hasRef?.() && !timer._destroyed && !ownFrames.test(setBy))
        .map(({ setBy }) => `timer set by ${setBy}`),
    stop: () => hook.disable(),
  };
}

/**
 * Notes what is open now; at the end of a suite `expectNothingLeft` names what was opened since and never closed: servers,
 * sockets, child processes, timers that keep the process alive, Postgres connections, Redis keys.
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  const before = new Set(diagnostics._getActiveHandles());
  const timers = trackTimers();
  const leaks = async (): Promise<string[]> => {
    const handles = diagnostics
      ._getActiveHandles()
      .filter((handle) => !before.has(handle) && !alwaysThere.has(handle.constructor.name))
      .map(describe);
    // Before the questions below, which open and close connections of their own.
    const running = timers.running();
    const connections = (await options.database?.connections()) ?? [];
    const keys = ((await options.redis?.keys()) ?? []).filter((key) => !options.allowKey?.(key));
    return [
      ...handles,
      ...running,
      ...connections.map((name) => `Postgres connection of "${name}"`),
      ...keys.map((key) => `Redis key ${key}`),
    ];
  };
  return {
    async expectNothingLeft() {
      const deadline = performance.now() + (options.settleMs ?? 2_000);
      for (;;) {
        const left = await leaks();
        if (left.length === 0) {
          timers.stop();
          return;
        }
        if (performance.now() > deadline) throw new Error(`left open: ${left.join('; ')}`);
        await new Promise<void>((resolve) => {
          setTimeout(resolve, 25);
        });
      }
    },
  };
}
