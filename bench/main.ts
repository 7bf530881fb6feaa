import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Bench, benchServices, describeHost, fullRounds, quickRounds, withheld } from './harness.js';

// One folder a bench; those of later work add their names here.
const names = ['bus', 'commit', 'gateway', 'start', 'faults'] as const;
const usage = `npm run bench -- [${names.join('|')} …] [--quick]

Prints one line of JSON on the host and one a figure; without a name, all. --quick makes short rounds, whose figures
are marked and are no results. Uses DATABASE_URL and REDIS_URL where set, else servers of its own.`;

async function main(args: readonly string[]): Promise<number> {
  const wanted = args.filter((arg) => !arg.startsWith('--'));
  const unknown = [
    ...wanted.filter((name) => !(names as readonly string[]).includes(name)),
    ...args.filter((arg) => arg.startsWith('--') && arg !== '--quick' && arg !== '--help'),
  ];
  if (args.includes('--help') || unknown.length > 0) {
    if (unknown.length > 0) console.error(`unknown: ${unknown.join(', ')}`);
    console.error(usage);
    return unknown.length > 0 ? 2 : 0;
  }
  const here = dirname(fileURLToPath(import.meta.url));
  const root = join(here, '..', '..');
  const quick = args.includes('--quick');
  const services = await benchServices(root, process.env);
  let failed = false;
  try {
    const host = await describeHost(services.postgresUrl, services.redisUrl);
    console.log(JSON.stringify({ host }));
    for (const name of wanted.length > 0 ? wanted : names) {
      const file = join(here, name, 'bench.js');
      if (!existsSync(file)) {
        console.error(`${name}: not there yet`);
        continue;
      }
      try {
        const bench = (await import(pathToFileURL(file).href)) as Bench;
        const figures = await bench.run({
          quick,
          ...(quick ? quickRounds : fullRounds),
          postgresUrl: services.postgresUrl,
          redisUrl: services.redisUrl,
          progress: (line) => console.error(line),
        });
        for (const figure of figures) {
          const { durable: _, ...line } = withheld(figure, host);
          console.log(JSON.stringify(line));
        }
      } catch (error) {
        failed = true;
        console.error(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
  } finally {
    await services.stop();
  }
  return failed ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
