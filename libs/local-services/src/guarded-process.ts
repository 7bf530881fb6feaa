import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';

/**
 * Runs a command that must not outlive us and must not hear our terminal. A shell in a session of its own starts it and
 * waits on a pipe from us: when the pipe closes, for whatever reason (a kill -9 of ours included), it sends the stop
 * signal, and after the grace period the harder one. A Ctrl-C in the terminal reaches neither. What the service leaves behind
 * (processes of its group, a folder, shared memory) goes after it.
 */
const guardScript = `
stop=$1; hard=$2; grace=$3; scratch=$4; group=$5; shared=$6; pidfile=$7; shift 7
exec 3<&0
if [ -n "$group" ]; then setsid "$@" </dev/null 3<&- & else "$@" </dev/null 3<&- & fi
child=$!
[ -z "$pidfile" ] || echo $child > "$pidfile"
{
  read _ <&3
  kill -"$stop" $child 2>/dev/null
  while [ $grace -gt 0 ] && kill -0 $child 2>/dev/null; do sleep 0.1; grace=$((grace - 1)); done
  kill -"$hard" $child 2>/dev/null
} &
watcher=$!
wait $child; code=$?
kill -KILL $watcher 2>/dev/null
[ -z "$group" ] || kill -KILL -$child 2>/dev/null
[ -z "$shared" ] || rm -f "/dev/shm/$shared"*
[ -z "$scratch" ] || rm -rf "$scratch"
exit $code
`;

export interface GuardedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly logFile: string;
  readonly stopSignal: 'INT' | 'TERM';
  readonly hardSignal: 'QUIT' | 'KILL';
  readonly graceMs: number;
  /** Does not keep this process alive; the service ends with it all the same. */
  readonly background?: boolean;
  /** Removed by the guard once the service has ended, whatever ended it. */
  readonly scratchFolder?: string;
  /** The service gets a process group of its own, and whatever it leaves of that is killed when it has ended. Linux only. */
  readonly ownGroup?: boolean;
  /** What the names of its regions of shared memory begin with, where it may leave them behind. Linux only. */
  readonly sharedMemoryPrefix?: string;
  /** Gets the service's process id. */
  readonly pidFile?: string;
}

export interface GuardedProcess {
  /** The guard's process id; the service is its child. */
  readonly pid: number;
  readonly exited: Promise<number | null>;
  hasExited(): boolean;
  /** Closes the pipe and waits until the service is gone. */
  stop(): Promise<void>;
}

export function startGuarded(options: GuardedProcessOptions): GuardedProcess {
  const log = openSync(options.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(
      '/bin/sh',
      [
        '-c',
        guardScript,
        'watershed-guard',
        options.stopSignal,
        options.hardSignal,
        String(Math.ceil(options.graceMs / 100)),
        options.scratchFolder ?? '',
        options.ownGroup ? 'group' : '',
        options.sharedMemoryPrefix ?? '',
        options.pidFile ?? '',
        options.command,
        ...options.args,
      ],
      { env: options.env ?? process.env, cwd: options.cwd, detached: true, stdio: ['pipe', log, log] },
    );
  } finally {
    closeSync(log);
  }
  let gone = false;
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      gone = true;
      resolve(code);
    });
    child.once('error', () => {
      gone = true;
      resolve(null);
    });
  });
  if (options.background) {
    child.unref();
    if (child.stdin instanceof Socket) child.stdin.unref();
  }
  // The service may die first; writing its end to a broken pipe is no failure of ours.
  child.stdin?.on('error', () => undefined);
  return {
    pid: child.pid ?? -1,
    exited,
    hasExited: () => gone,
    stop: async () => {
      child.stdin?.end();
      await exited;
    },
  };
}
