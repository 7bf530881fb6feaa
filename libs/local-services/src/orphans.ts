import { existsSync, readFileSync } from 'node:fs';

const pause = new Int32Array(new SharedArrayBuffer(4));

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Whether a process still does anything: one that has ended and that nobody has reaped yet does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/**
 * Stops what an earlier run left behind when even its guard was killed: the process that `pidFile` names, if it still is
 * the program that we would have started. Returns whether there was one. Waits up to 15 s for it to go.
 */
export function stopOrphan(pidFile: string, program: string, signal: NodeJS.Signals = 'SIGTERM'): boolean {
  if (!existsSync(pidFile)) return false;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  // A pid alone proves nothing, it may have been given to another program since.
  if (!Number.isInteger(pid) || pid <= 1 || !isRunning(pid) || !commandOf(pid).includes(program)) return false;
  process.kill(pid, signal);
  for (let waited = 0; waited < 15_000 && isRunning(pid); waited += 50) Atomics.wait(pause, 0, 0, 50);
  if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  return true;
}
