import { readdirSync, readFileSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  /** Its arguments, with spaces between. */
  readonly command: string;
}

/** A process that still exists and is more than a zombie, as the system sees it. */
export function seen(pid: number): SeenProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return undefined;
    return { pid, parent: Number(parent), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
  } catch {
    return undefined; // it has ended
  }
}

export const isAlive = (pid: number): boolean => seen(pid) !== undefined;

/** Every living process below one. */
export function processesBelow(ancestor: number): SeenProcess[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (seen(Number(name)) ?? []) : []));
  const tree = new Set([ancestor]);
  // Children may be listed before their parents.
  for (let before = 0; before !== tree.size; ) {
    before = tree.size;
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid);
  }
  return all.filter(({ pid }) => pid !== ancestor && tree.has(pid));
}

/** Memory that processes hold for themselves, in bytes; 0 for those that are gone. */
export function privateBytes(pids: readonly number[]): number {
  let kibibytes = 0;
  for (const pid of pids) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      for (const [, size] of rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)) kibibytes += Number(size);
    } catch {
      // gone
    }
  }
  return kibibytes * 1_024;
}

/** Processor time that processes have used, in the system's ticks. */
export function cpuTicks(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // gone
    }
  }
  return ticks;
}
