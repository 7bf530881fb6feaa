import { existsSync, readFileSync } from 'node:fs';

/** How many processes an engine may let a container have, where it cannot raise its own limit. */
export interface ProcessLimits {
  readonly soft: number;
  readonly hard: number;
}

/** Above what a container of ours ever has. */
const enough: ProcessLimits = { soft: 4_096, hard: 8_192 };
const sysResource = 1n << 24n;

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/**
 * What `ulimits` must say here: an engine that is told any of them asks for its own default of the others, which one that
 * runs as root inside a container, without the capability to raise limits, does not get ("error setting rlimit"). Undefined
 * where it may raise them, and where it is not root's, for then it asks for no more than it has.
 */
export function fixedProcessLimits(
  limits = textOf('/proc/self/limits'),
  status = textOf('/proc/self/status'),
): ProcessLimits | undefined {
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const [, user] = /^Uid:\s*\d+\s+(\d+)/m.exec(status) ?? [];
  const [, soft, hard] = /^Max processes +(\d+) +(\d+)/m.exec(limits) ?? [];
  if (user !== '0' || (BigInt(`0x${effective}`) & sysResource) !== 0n || hard === undefined) return undefined;
  return { soft: Math.min(enough.soft, Number(soft)), hard: Math.min(enough.hard, Number(hard)) };
}

/** The names of a compose file's services. */
export const servicesIn = (composeFile: string): string[] => {
  const [, services = ''] = /^services:\n((?: .*\n|\n)*)/m.exec(composeFile) ?? [];
  return [...services.matchAll(/^ {2}([a-z][a-z0-9-]*):$/gm)].map(([, name = '']) => name);
};

/** A compose file that holds every service to these limits, to be named by a second `-f`. */
export function localFile(composeFile: string, nproc: ProcessLimits): string {
  const each = servicesIn(composeFile).map((name) => [name, { ulimits: { nproc } }]);
  return `${JSON.stringify({ services: Object.fromEntries(each) }, null, 2)}\n`;
}
