import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const k6Version = 'v1.8.1';

/** Where `npm run k6 -- setup` puts it. */
export const k6File = (root: string): string => join(root, '.watershed', 'k6', 'k6');

/** K6 where it is named, else on the PATH, else the project's own; undefined where there is none. */
export function findK6(root: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const answers = (file: string) => spawnSync(file, ['version'], { stdio: 'ignore' }).status === 0;
  return [env.K6, 'k6', k6File(root)].find((file): file is string => file !== undefined && answers(file));
}

export interface Built {
  readonly ok: boolean;
  /** One line: why not. */
  readonly reason?: string;
}

/** Builds k6 from its source with Go, which takes some minutes, once. */
export function buildK6(root: string): Built {
  if (existsSync(k6File(root))) return { ok: true };
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0)
    return { ok: false, reason: 'Go is not on the PATH. Install k6 (or Go, and run this again).' };
  const folder = join(root, '.watershed', 'k6');
  const built = spawnSync('go', ['install', `go.k6.io/k6@${k6Version}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
  });
  if (built.status === 0) return { ok: true };
  const last = built.stderr.trim().split('\n').pop() ?? 'no reason given';
  return { ok: false, reason: `go install go.k6.io/k6@${k6Version} failed: ${last}` };
}
