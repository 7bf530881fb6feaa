import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, totalmem } from 'node:os';
import { fixedProcessLimits } from './process-limits.js';
import { secretVariables } from './secrets.js';

/** One thing that the stack needs of this machine. */
export interface Checked {
  readonly what: string;
  /** What is there. */
  readonly found?: string;
  /** What is wrong, and what to do about it; absent where nothing is. */
  readonly fault?: string;
}

/** What a command printed; undefined where it is not there or failed. */
export type Ask = (command: string, args: readonly string[]) => string | undefined;

interface Part {
  readonly command: string;
  readonly args: readonly string[];
  /** What older ones cannot do is in docs/deployment.md. */
  readonly oldest: readonly [major: number, minor: number];
}

const engines: readonly (readonly [engine: Part, compose: Part])[] = [
  [
    { command: 'docker', args: ['version', '--format', '{{.Server.Version}}'], oldest: [20, 10] },
    { command: 'docker', args: ['compose', 'version', '--short'], oldest: [2, 0] },
  ],
  [
    { command: 'podman', args: ['version', '--format', '{{.Client.Version}}'], oldest: [4, 0] },
    { command: 'podman-compose', args: ['version'], oldest: [1, 0] },
  ],
];

const nameOf = ({ command, args }: Part): string => (args[0] === 'compose' ? `${command} compose` : command);

function partFault(part: Part, ask: Ask): Checked {
  const what = nameOf(part);
  const version = /(\d+)\.(\d+)[\w.+-]*/.exec(ask(part.command, part.args) ?? '');
  if (!version) return { what, fault: `${what} does not answer` };
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const [oldestMajor, oldestMinor] = part.oldest;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    return { what, fault: `${what} is ${version[0]}; it takes ${part.oldest.join('.')} or newer` };
  return { what, found: version[0] };
}

/** The first engine of which both halves are there; else what each lacks. */
export function checkEngine(ask: Ask): Checked {
  const looked = engines.map((parts) => parts.map((part) => partFault(part, ask)));
  const whole = looked.find((parts) => parts.every(({ fault }) => !fault));
  if (whole) return { what: 'engine', found: whole.map(({ what, found }) => `${what} ${found}`).join(', ') };
  const faults = looked.map((parts) => parts.flatMap(({ fault }) => fault ?? []).join(' and '));
  return {
    what: 'engine',
    fault: `${faults.join('; ')}. Install Docker with its compose plugin, or podman with podman-compose, and see that it runs`,
  };
}

export function readEnvFile(file: string): ReadonlyMap<string, string> {
  const lines = readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm);
  return new Map([...lines].map(([, name = '', value = '']) => [name, value.trim()]));
}

export function checkSecrets(file: string, shown: string): Checked {
  const what = 'secrets';
  const make = 'run npm run compose -- secrets';
  if (!existsSync(file)) return { what, fault: `there is no ${shown}: ${make}` };
  const values = readEnvFile(file);
  const missing = secretVariables.filter((name) => !values.get(name));
  if (missing.length > 0) return { what, fault: `${shown} has no ${missing.join(', ')}: ${make}` };
  const odd = secretVariables.filter((name) => !/^[\w-]+$/.test(values.get(name) ?? ''));
  if (odd.length > 0) return { what, fault: `${odd.join(', ')} in ${shown}: only letters, digits, - and _ will do` };
  if (statSync(file).mode & 0o077) return { what, fault: `others may read ${shown}: chmod 600 ${shown}` };
  return { what, found: shown };
}

/** What one container may take cannot be more than there is: Docker refuses to make it. */
export function checkLimits(
  settings: ReadonlyMap<string, string>,
  cores = cpus().length,
  memoryBytes = totalmem(),
): Checked {
  const what = 'limits';
  const tooMany = [...settings].filter(([name, value]) => name.endsWith('_CPUS') && Number(value) > cores);
  if (tooMany.length > 0)
    return { what, fault: `${tooMany.map((pair) => pair.join('=')).join(', ')}: this machine has ${cores} cores` };
  const gibibytes = memoryBytes / 2 ** 30;
  // Nine services, Postgres and Redis rest at 1.7 GB.
  if (gibibytes < 2.5)
    return { what, fault: `this machine has ${gibibytes.toFixed(1)} GiB of memory; the stack rests at 1.7 GB` };
  return { what, found: `${cores} cores, ${gibibytes.toFixed(1)} GiB of memory` };
}

/** Whether the gateway can be published. A stack that is up already holds its port itself. */
export async function checkPort(host: string, port: number): Promise<Checked> {
  const what = 'port';
  const answer = await fetch(`http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}/health/live`, {
    signal: AbortSignal.timeout(2_000),
  }).catch(() => undefined);
  if (answer?.ok) return { what, found: `${host}:${port}, where a gateway answers already` };
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
  const another = 'name another with WATERSHED_PORT (and in WATERSHED_PUBLIC_URL)';
  if (code === 'EADDRINUSE') return { what, fault: `${host}:${port} is in use: ${another}` };
  if (code === 'EADDRNOTAVAIL') return { what, fault: `this machine has no address ${host}: see WATERSHED_ADDRESS` };
  return { what, found: `${host}:${port}` };
}

/** Whether an engine that runs as this user's own processes may give containers the limits that it gives by itself. */
export function checkProcesses(
  engine: string | undefined,
  localFile: string,
  localFileIsThere: boolean,
  limits = fixedProcessLimits(),
): Checked {
  const what = 'processes';
  // A Docker engine is a process of its own, with limits of its own.
  if (!engine?.startsWith('podman') || !limits) return { what, found: 'limits as the engine gives them' };
  if (localFileIsThere) return { what, found: `${localFile}, if you name it by a second -f` };
  return {
    what,
    fault: `podman cannot raise its own limits here, and containers would not start (error setting rlimit): run npm run compose -- local, and name ${localFile} by a second -f`,
  };
}

/** Everything at once; settings of the environment count more than those of the file, as they do for compose. */
export async function checkAll(file: string, shown: string, ask: Ask, env = process.env): Promise<readonly Checked[]> {
  const settings = new Map(existsSync(file) ? readEnvFile(file) : []);
  for (const [name, value] of Object.entries(env)) if (value) settings.set(name, value);
  const port = Number(settings.get('WATERSHED_PORT') || 4100);
  return [
    checkEngine(ask),
    checkSecrets(file, shown),
    checkLimits(settings),
    await checkPort(settings.get('WATERSHED_ADDRESS') || '127.0.0.1', port),
  ];
}
