import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '#testing';

const root = process.cwd();
const lock = JSON.stringify(pathToFileURL(join(root, 'scripts', 'one-at-a-time.mjs')).href);

describe('commands of one clone that install and build', () => {
  let folder: string;
  const running = new Set<ChildProcess>();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-turns-'));
  });

  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
    running.clear();
    rmSync(folder, { recursive: true });
  });

  const run = (args: readonly string[]): { child: ChildProcess; ended: Promise<number | null>; said: () => string } => {
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return { child, ended: once(child, 'close').then(([code]) => code as number | null), said: () => text };
  };
  const inTurn = (place: string, work: string) =>
    run([
      '--input-type=module',
      '-e',
      `import { oneAtATime } from ${lock}; await oneAtATime(${JSON.stringify(place)}, ${work});`,
    ]);
  /** Holds the turn until its input ends. */
  const holder = async (place: string) => {
    const held = inTurn(
      place,
      `() => { console.log('its turn has come'); return new Promise((r) => process.stdin.resume().on('end', r)); }`,
    );
    await eventually(() => held.said().includes('its turn has come'));
    return held;
  };

  it('are in it one after the other', async () => {
    const file = join(folder, 'count');
    writeFileSync(file, '0');
    // Read, let everyone else run, write: whoever came in meanwhile would be lost.
    const work = `async () => { const { readFileSync, writeFileSync } = await import('node:fs'); const file = ${JSON.stringify(file)};
      const n = Number(readFileSync(file, 'utf8')); await new Promise((r) => setTimeout(r, 30)); writeFileSync(file, String(n + 1)); }`;
    const codes = await Promise.all([1, 2, 3, 4, 5].map(() => inTurn(folder, work).ended));
    expect(codes).toEqual([0, 0, 0, 0, 0]);
    expect(readFileSync(file, 'utf8')).toBe('5');
  });

  it('wait for nobody who was killed, and not for those of another clone', async () => {
    const { child } = await holder(folder);
    await expect(inTurn(`${folder}/other`, '() => undefined').ended).resolves.toBe(0);
    child.kill('SIGKILL');
    await expect(inTurn(folder, '() => undefined').ended).resolves.toBe(0);
  });

  it('say after a moment what they wait for, and go on when it is over', async () => {
    const held = await holder(root);
    const build = run([join(root, 'scripts', 'build.mjs')]);
    await eventually(() => build.said().includes('Waiting for another command'), { timeoutMs: 10_000 });
    expect(build.child.exitCode).toBeNull();
    held.child.stdin?.end();
    expect([await held.ended, await build.ended]).toEqual([0, 0]);
  }, 30_000);
});
