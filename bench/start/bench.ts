import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { descendants, nameOf, pssMb } from '../cluster/process-tree.js';
import { freeRange, reached, root } from '../cluster/started-cluster.js';
import { type BenchOptions, type Figure, figureOf, median } from '../harness.js';

class Run {
  private constructor(private readonly child: ChildProcess) {}

  static begin(port: number, data: string): Run {
    const child = spawn('npm', ['start', '--', '--port', String(port), '--data', data], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Run(child);
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  async ready(): Promise<void> {
    await reached(this.child, 'Ctrl-C stops the cluster', 180_000);
  }

  async end(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.child.once('close', () => resolve()));
    process.kill(-this.pid, 'SIGINT');
    await gone;
  }
}

/** From the command `npm start` to the first answer that `npm run demo` prints, both begun at the same instant. */
async function firstAnswer(port: number, data: string): Promise<{ seconds: number; run: Run }> {
  const began = performance.now();
  const run = Run.begin(port, data);
  const demo = spawn('npm', ['run', '-s', 'demo', '--', '--port', String(port), '--data', data], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  for (const stream of [demo.stdout, demo.stderr])
    stream.on('data', (chunk: Buffer) => {
      told += String(chunk);
    });
  const finished = new Promise<number | null>((resolve) => demo.once('close', resolve));
  await reached(demo, '→ ', 120_000);
  const seconds = (performance.now() - began) / 1000;
  if ((await finished) !== 0) throw new Error(`the demo failed after its first answer: ${told.trim().slice(-600)}`);
  return { seconds, run };
}

export async function run(options: BenchOptions): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-bench-start-'));
  const data = join(folder, 'data');
  const port = await freeRange();
  try {
    options.progress('start: the first start, which makes the data folder');
    const first = Run.begin(port, data);
    await first.ready();
    await first.end();
    const seconds: number[] = [];
    let parts: [string, number][] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      const warm = await firstAnswer(port, data);
      seconds.push(warm.seconds);
      options.progress(
        `start: warm start ${round + 1} of ${options.rounds}: first answer after ${warm.seconds.toFixed(2)} s`,
      );
      if (round === options.rounds - 1) {
        const restMs = options.quick ? 10_000 : 60_000;
        options.progress(`start: resting ${restMs / 1000} s before memory is read`);
        await new Promise((resolve) => setTimeout(resolve, restMs));
        parts = descendants(warm.run.pid).map((pid) => [nameOf(pid), pssMb(pid)]);
      }
      await warm.run.end();
    }
    const total = parts.reduce((sum, [, mb]) => sum + mb, 0);
    const largest = parts
      .sort(([, one], [, other]) => other - one)
      .slice(0, 8)
      .map(([name, mb]) => `${name} ${mb.toFixed(0)}`)
      .join(', ');
    return [
      figureOf(options, {
        figure: 'start.warm_s',
        ours: median(seconds),
        better: 'lower',
        unit: 's',
        notes: `npm start and npm run demo begun together, to the demo's first answer; bar 8; rounds ${seconds.map((s) => s.toFixed(2)).join(' ')}`,
      }),
      figureOf(options, {
        figure: 'start.pss_mb',
        ours: total,
        better: 'lower',
        unit: 'MB',
        notes: `PSS of npm and all below it (${parts.length} processes) after the demo and a rest; bar 500; ${largest}`,
      }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
