import { spawn, spawnSync } from 'node:child_process';
import { root } from './started-cluster.js';

/** A container engine with its compose command. */
export interface ContainerEngine {
  readonly command: 'docker' | 'podman';
  readonly compose: readonly [string, ...string[]];
}

const candidates: readonly ContainerEngine[] = [
  { command: 'docker', compose: ['docker', 'compose'] },
  { command: 'podman', compose: ['podman-compose'] },
];

const succeeds = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, [...args], { stdio: 'ignore', timeout: 20_000 }).status === 0;

/** The first engine that answers and has its compose command. */
export function findEngine(): ContainerEngine | undefined {
  return candidates.find(({ command, compose: [program, ...args] }) => {
    return succeeds(command, ['info']) && succeeds(program, [...args, 'version']);
  });
}

/** Those of the images that this engine does not hold. */
export function missingImages({ command }: ContainerEngine, images: readonly string[]): string[] {
  return images.filter((image) => !succeeds(command, ['image', 'inspect', image]));
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  /** Both outputs together. */
  readonly output: string;
}

/** One command to its end. */
export function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  cwd = root,
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], env });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('error', (error) => resolve({ code: null, stdout, output: error.message }));
    child.once('close', (code) => resolve({ code, stdout, output }));
  });
}
