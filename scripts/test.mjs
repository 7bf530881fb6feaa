// `npm test`: everything that decides whether the tree is sound, on a machine with nothing but Node prepared. Each check
// and each test counts once; the last line is `N passed, N failed`, and the exit code says the same.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkNode, prepare, root } from './prepare.mjs';

const help = `Usage: npm test [-- options]

  --all          what takes longer, too (the same as npm run test:all)
  --only NAMES   a comma-separated list of: lint, boundaries, types, unit, integration, e2e,
                 compose (the compose stack alone, which must then be there)
  --help         this text
`;
if (process.argv.includes('--help')) {
  console.log(help);
  process.exit(0);
}
checkNode();
await prepare();
const { startPostgres, startRedis, freePort } = await import('../dist/libs/local-services/src/index.js');

const all = process.argv.includes('--all');
const onlyAt = process.argv.indexOf('--only');
const only = onlyAt > 0 ? new Set((process.argv[onlyAt + 1] ?? '').split(',')) : undefined;
const parts = ['lint', 'boundaries', 'types', 'unit', 'integration', 'e2e', 'compose'];
const unknown = [...(only ?? [])].filter((name) => !parts.includes(name));
if (unknown.length > 0) {
  console.error(`--only takes names of: ${parts.join(', ')}; not "${unknown.join(',')}".`);
  process.exit(2);
}
const wanted = (name) => !only || only.has(name);
const scratch = mkdtempSync(join(tmpdir(), 'watershed-test-'));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const notRunFile = join(scratch, 'not-run');
const totals = { passed: 0, failed: 0, skipped: 0 };
let running;
/** One line each: what was not tested here, and for want of what. */
let notRun = [];

function run(command, args, env = {}) {
  return new Promise((resolve) => {
    running = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    running.once('error', () => resolve(127));
    running.once('close', (code) => resolve(code ?? 1));
  });
}

async function check(name, command, args) {
  const began = performance.now();
  const code = await run(command, args);
  totals[code === 0 ? 'passed' : 'failed'] += 1;
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

async function jest(project, env, extra = []) {
  const began = performance.now();
  const report = join(scratch, `${project}.json`);
  const code = await run(
    process.execPath,
    [
      ...['--experimental-vm-modules', '--no-warnings', join(root, 'node_modules/jest/bin/jest.js')],
      ...['--selectProjects', project, '--json', `--outputFile=${report}`, ...extra],
    ],
    env,
  );
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    totals.failed += 1;
    console.log(`FAILED ${project}: the runner left no report (code ${code})`);
    return;
  }
  totals.passed += result.numPassedTests;
  totals.skipped += result.numPendingTests + result.numTodoTests;
  // A file that could not run, or a runner that failed beside green tests (a leak, a broken tear-down), is a failure.
  const brokenFiles = result.numRuntimeErrorTestSuites;
  const other = code !== 0 && result.numFailedTests + brokenFiles === 0 ? 1 : 0;
  totals.failed += result.numFailedTests + brokenFiles + other;
  console.log(
    `${code === 0 ? 'ok    ' : 'FAILED'} ${project}: ${result.numPassedTests} passed, ${result.numFailedTests + brokenFiles} failed ` +
      `(${((performance.now() - began) / 1000).toFixed(1)} s)`,
  );
}

async function withServices(work) {
  const password = 'test-only';
  const postgres = await startPostgres({
    folder: join(scratch, 'postgres'),
    port: await freePort(),
    password,
    logFile: join(scratch, 'postgres.log'),
    maxConnections: 300,
  });
  const redis = await startRedis({
    folder: join(scratch, 'redis'),
    port: await freePort(),
    logFile: join(scratch, 'redis.log'),
    cacheFolder: join(root, '.watershed', 'cache'),
    persist: false,
    onProgress: (line) => console.log(line),
  });
  try {
    await work({ WATERSHED_TEST_POSTGRES_URL: postgres.url, WATERSHED_TEST_REDIS_URL: redis.url });
  } finally {
    await Promise.all([postgres.stop(), redis.stop()]);
  }
}

/** Where tests find the cluster that they share, or start it; ended here after the last of them. */
async function withSharedCluster(work) {
  const folder = join(scratch, 'shared-cluster');
  mkdirSync(folder);
  try {
    await work({ WATERSHED_TEST_SHARED_CLUSTER: folder });
  } finally {
    const file = join(folder, 'cluster.json');
    if (existsSync(file)) await ended(JSON.parse(readFileSync(file, 'utf8')).pid);
  }
}

/** Ctrl-C for a process and its group; resolves when it is gone. */
async function ended(pid) {
  const lives = (signal) => {
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  };
  if (!lives('SIGINT')) return;
  const end = performance.now() + 60_000;
  while (lives(0)) {
    if (performance.now() > end) lives('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    running?.kill('SIGTERM');
    totals.failed += 1;
  });

try {
  if (wanted('lint')) await check('lint and format', bin('biome'), ['check', '--error-on-warnings', '.']);
  if (wanted('boundaries'))
    await check('module boundaries', bin('depcruise'), [
      '--config',
      '.dependency-cruiser.cjs',
      'apps',
      'libs',
      'scripts',
      'bench',
      'test',
      'models',
    ]);
  if (wanted('types')) await check('types', bin('tsc'), ['-p', 'tsconfig.json']);
  const settings = { WATERSHED_TEST_NOT_RUN_FILE: notRunFile, ...(all ? { WATERSHED_TEST_ALL: '1' } : {}) };
  if (wanted('unit')) await jest('unit', settings, ['--maxWorkers=2']);
  // Part of e2e; alone it is asked for, so that a machine without an engine fails instead of passing nothing.
  if (only?.has('compose')) {
    const required = { WATERSHED_REQUIRE: ['compose', process.env.WATERSHED_REQUIRE].filter(Boolean).join(',') };
    await jest('e2e', { ...settings, ...required }, ['--runInBand', 'test/compose.e2e-spec.ts']);
  }
  if (wanted('integration') || wanted('e2e'))
    await withServices(async (services) => {
      if (wanted('integration')) await jest('integration', { ...settings, ...services }, ['--maxWorkers=2']);
      if (wanted('e2e'))
        await withSharedCluster((shared) => jest('e2e', { ...settings, ...services, ...shared }, ['--maxWorkers=2']));
    });
} finally {
  if (existsSync(notRunFile)) notRun = [...new Set(readFileSync(notRunFile, 'utf8').trim().split('\n'))];
  rmSync(scratch, { recursive: true, force: true });
}
// What is left out has to say what it lacks: libs/testing/src/optional-tool.ts.
if (totals.skipped > 0 && notRun.length === 0) {
  totals.failed += 1;
  console.log(`FAILED ${totals.skipped} tests were skipped without a reason`);
}
if (notRun.length > 0) {
  console.log(`\nNot run, for want of what this machine lacks (${totals.skipped} tests):`);
  for (const line of notRun) console.log(`  ${line}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
