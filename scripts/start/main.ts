import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalServiceError } from '#local-services';
import { Cluster } from './cluster.js';
import { DataFolder } from './data-folder.js';
import { ensureFirstModel, firstModel } from './first-model.js';
import { defaultDataFolder, defaultPort, parseStartOptions } from './options.js';
import { Screen } from './screen.js';
import { StartError } from './start.errors.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const screen = new Screen();

/** A refusal in one line; anything else is a defect and keeps its stack for whoever mends it. */
function explain(error: unknown): string {
  if (error instanceof StartError || error instanceof LocalServiceError) return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC') return 'The disk is full: make room and start again.';
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** A path as short as it can be said from here. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

async function main(): Promise<number> {
  // What it makes and what it starts makes is its user's alone, Postgres' and Redis' files included.
  process.umask(0o077);
  const options = parseStartOptions(process.argv.slice(2), root);
  const data = new DataFolder(options.dataFolder);
  if (options.reset) data.reset();
  await data.open();
  screen.line('Watershed');
  const cluster = new Cluster(root, options, data, screen);
  let asked: (() => void) | undefined;
  const interrupted = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      signals += 1;
      if (signals === 1) asked?.();
      else if (signals === 2) screen.line('Still draining; what is in flight is being finished.');
    });
  try {
    const failed = await Promise.race([
      cluster.start().then(() => {
        const { gatewayUrl, gatewayFingerprint } = cluster;
        return ensureFirstModel({ root, data, gatewayUrl, gatewayFingerprint, screen });
      }),
      interrupted,
    ]);
    if (signals === 0 && failed === undefined) {
      const keyFile = shown(data.file('operator', 'api-key'));
      // What the demo would not find by itself.
      const flags = [
        ...(options.port === defaultPort ? [] : ['--port', String(options.port)]),
        ...(options.dataFolder === defaultDataFolder(root) ? [] : ['--data', options.dataFolder]),
      ];
      screen.line();
      screen.table([
        ['gateway', cluster.gatewayUrl],
        ['Swagger UI', `${cluster.gatewayUrl}/docs`],
        ...(cluster.gatewayFingerprint ? [['certificate', cluster.gatewayFingerprint] as const] : []),
        ["operator's key", `${keyFile}  (a file only you can read)`],
        ['logs', shown(data.file('logs'))],
        ['try', ['npm run demo', ...(flags.length > 0 ? ['--', ...flags] : [])].join(' ')],
      ]);
      screen.line();
      // With a certificate, its holder knows by which name and authority people reach it.
      if (!cluster.gatewayFingerprint) {
        screen.line('Sign up, keep the key, and ask which language a sentence is in:');
        screen.line();
        screen.line(
          `  KEY=$(curl -s ${cluster.gatewayUrl}/v1/people -H 'Content-Type: application/json' -d '{}' | sed 's/.*"secret":"\\([^"]*\\)".*/\\1/'); ` +
            `curl -s ${cluster.gatewayUrl}/v1/infer -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' ` +
            `-d '{"model":"${firstModel}","text":"Das Wasser bleibt in der Region."}'`,
        );
        screen.line();
      }
      screen.line('Ctrl-C stops the cluster.');
      await interrupted;
    }
    screen.line('Draining …');
  } finally {
    await cluster.stop();
    data.unlock();
  }
  screen.line('Stopped.');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  screen.problem(explain(error));
  process.exitCode = 1;
}
