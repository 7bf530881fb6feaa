import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './started-cluster.js';

interface Process {
  readonly pid: number;
  readonly parent: number;
}

function processes(): Process[] {
  const found: Process[] = [];
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop() ?? '';
      found.push({ pid: Number(name), parent: Number(stat.split(' ')[1]) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH')
        throw error;
    }
  }
  return found;
}

/** `root` and all that descends from it. */
export function descendants(root: number): number[] {
  const all = processes();
  const tree = [root];
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid));
  return tree;
}

/** Proportional set size of one process in MB: its own pages, and its share of those it shares. */
export function pssMb(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

/** The command line of a process; empty where it has ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

const topology = JSON.parse(readFileSync(join(root, 'topology/laptop.json'), 'utf8')) as {
  processes: { name: string; services: string[] }[];
};
/** By which name `npm start`'s topology knows a process, by its services as they stand in its command line. */
const processNames = new Map(topology.processes.map(({ name, services }) => [services.join(','), name]));

/** What a process is, in a word or two. */
export function nameOf(pid: number): string {
  try {
    const parts = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    const script = parts.find((part) => part.endsWith('.js') || part.endsWith('.mjs'));
    const services = parts[parts.indexOf('--services') + 1];
    if (parts.includes('--services') && services) return processNames.get(services) ?? services;
    return (script ?? parts[0] ?? '').split('/').slice(-2).join('/').slice(0, 40);
  } catch {
    return 'gone';
  }
}
