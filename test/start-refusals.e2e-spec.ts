import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePortRange, root, runCommand, StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

describe('npm start that cannot', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-e2e-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The one line that a start which cannot prints to standard error. */
  async function complaint(data: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const port = await freePortRange();
    const result = runCommand(
      'npm',
      ['start', '--silent', '--', '--port', String(port), '--data', data, ...flags],
      env,
    );
    expect(result.code).toBe(1);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    const lines = result.stderr.split('\n').filter((line) => line.startsWith('watershed:'));
    expect(lines).toHaveLength(1);
    return lines[0] ?? '';
  }

  it.each([
    ['an option it does not know', ['--prot', '1'], /Unknown option '--prot'/],
    ['a port that is none', ['--port', 'http'], /--port takes a whole number/],
  ])(
    'says what is wrong with %s',
    async (_what, flags, expected) => {
      expect(await complaint(join(folder, 'data'), flags)).toMatch(expected);
    },
    minutes(1),
  );

  it(
    'names a service whose port is taken',
    async () => {
      const port = await freePortRange();
      const blocker = createServer().listen(port + 5, '127.0.0.1');
      await new Promise((resolve) => blocker.once('listening', resolve));
      const result = runCommand('npm', [
        'start',
        '--silent',
        '--',
        '--port',
        String(port),
        '--data',
        join(folder, 'data'),
      ]);
      await new Promise((resolve) => blocker.close(resolve));
      expect(result.stderr).toContain(`Port ${port + 5} (for runner) is in use`);
    },
    minutes(1),
  );

  it(
    'leaves a folder alone that holds something else',
    async () => {
      writeFileSync(join(folder, 'thesis.txt'), 'years of work');
      expect(await complaint(folder)).toContain('holds other things than a cluster');
      expect(await complaint(folder, ['--reset'])).toContain('--reset leaves it alone');
      expect(statSync(join(folder, 'thesis.txt')).size).toBe(13);
    },
    minutes(1),
  );

  it(
    'refuses data of a newer version and data that is damaged',
    async () => {
      writeFileSync(join(folder, 'format'), '99\n');
      expect(await complaint(folder)).toMatch(/newer Watershed \(format 99/);
      writeFileSync(join(folder, 'format'), 'x');
      expect(await complaint(folder)).toMatch(/damaged/);
      writeFileSync(join(folder, 'format'), '1\n');
      mkdirSync(join(folder, 'postgres'));
      expect(await complaint(folder)).toMatch(/not a whole Postgres folder/);
      rmSync(join(folder, 'postgres'), { recursive: true });
      writeFileSync(join(folder, 'secrets.json'), '{');
      expect(await complaint(folder)).toMatch(/secrets.json is damaged/);
    },
    minutes(2),
  );

  it(
    'starts over a stale lock',
    async () => {
      writeFileSync(join(folder, 'format'), '1\n');
      writeFileSync(join(folder, 'lock'), '999999 12345\n');
      const cluster = await StartedCluster.launch({ dataFolder: folder });
      await cluster.untilPrinted('Postgres and Redis answer');
      await cluster.stop();
      expect(await cluster.leftBehind()).toEqual([]);
    },
    minutes(2),
  );

  it(
    'names a database or Redis that does not answer',
    async () => {
      const port = await freePortRange();
      expect(
        await complaint(join(folder, 'a'), [], { DATABASE_URL: `postgres://u:secret-word@127.0.0.1:${port}/x` }),
      ).toMatch(/^watershed: DATABASE_URL names 127\.0\.0\.1:\d+, where nothing answers/);
      expect(await complaint(join(folder, 'b'), [], { REDIS_URL: `redis://127.0.0.1:${port}` })).toMatch(
        /^watershed: REDIS_URL/,
      );
    },
    minutes(1),
  );

  it(
    'says so when the disk is full',
    async () => {
      // A small file system of its own, in a mount namespace that ends with the command.
      const script = `mount -t tmpfs -o size=8m none ${folder} && exec npm start --silent -- --port ${await freePortRange()} --data ${folder}/data`;
      const result = runCommand('unshare', ['-m', 'sh', '-c', script]);
      expect(result.code).toBe(1);
      expect(result.stderr.trim().split('\n')).toEqual([expect.stringMatching(/free: make room/)]);
    },
    minutes(1),
  );

  it(
    'explains itself without starting anything',
    () => {
      for (const command of [
        ['start', '--silent', '--', '--help'],
        ['run', '-s', 'demo', '--', '--help'],
        ['run', '-s', 'doctor', '--', '--help'],
        ['run', '-s', 'watershed', '--', '--help'],
      ]) {
        const result = runCommand('npm', command);
        expect(result.code).toBe(0);
        expect(result.stdout).toMatch(/Usage/);
      }
      expect(root).toBeTruthy();
    },
    minutes(1),
  );
});
