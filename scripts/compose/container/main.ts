// The image's entry point: what a container is told to be. Each command is imported only where it runs.
import { isHealthy } from './health.js';

const help = `Usage: docker run … watershed <command>

  init                prepares identity, database and every service's volume, then ends
  service NAME        waits for what the service needs, then runs it
  first-model         brings the model that the image carries into a new cluster, then ends
  operator ARGS…      the command line (npm run watershed) as the cluster's operator
  operator doctor     checks the whole stack and says what is wrong
  health              exits 0 when the service of this container is ready
`;

const [command = 'help', ...args] = process.argv.slice(2);

async function main(): Promise<void> {
  switch (command) {
    case 'init':
      return (await import('./init.js')).runInit(process.env);
    case 'service':
      return (await import('./service.js')).runService(args[0] ?? '');
    case 'first-model':
      return (await import('./operator.js')).bringFirstModel();
    case 'operator':
      return (await import('./operator.js')).runOperator(args);
    case 'health':
      process.exitCode = (await isHealthy()) ? 0 : 1;
      return;
    case 'help':
      process.stdout.write(help);
      return;
    default:
      process.stderr.write(`unknown command "${command}"\n\n${help}`);
      process.exitCode = 2;
  }
}

/** Refusals that say themselves what to do; anything else is a defect and keeps its stack. */
const refusals = ['InitError', 'WaitedInVainError', 'ConfigError', 'KeyFileError', 'StartError'];

try {
  await main();
} catch (error) {
  const known = error instanceof Error && refusals.includes(error.name);
  process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
