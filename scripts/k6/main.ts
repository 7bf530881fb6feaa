import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BooksError, balancedBooks, createClient, GatewayError } from '#client';
import { buildK6, findK6 } from './find-k6.js';
import { seedPeople } from './seed.js';

const help = `Usage: npm run k6 -- smoke|load|soak|setup [options]

Seeds people with keys and money, runs k6/<name>.js against a running cluster, and compares what was answered with the
usage rows and the ledger. Exits 1 where a threshold is missed or the books differ. The accounts are closed after the run.

  --port N       the gateway's port                         (default 4100)
  --url URL      the gateway, where it is not on this machine
  --data DIR     the cluster's data folder, for the operator's key  (default .watershed/data)
  --people N     how many people                            (default 2 for smoke, else 50)
  --rate N       requests a second, for load and soak       (default 200 and 20)
  --duration D   for soak                                   (default 1h)
  --help         this text

setup builds k6 into .watershed/k6 with Go, where it is not on the PATH and K6 does not name it.
`;

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const scripts = ['smoke', 'load', 'soak'];

class K6Error extends Error {}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '4100' },
      url: { type: 'string' },
      data: { type: 'string', default: join('.watershed', 'data') },
      people: { type: 'string' },
      rate: { type: 'string' },
      duration: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [name = ''] = positionals;
  if (values.help || (!scripts.includes(name) && name !== 'setup')) {
    (values.help ? process.stdout : process.stderr).write(help);
    return values.help ? 0 : 2;
  }
  if (name === 'setup') {
    const built = buildK6(root);
    if (!built.ok) throw new K6Error(built.reason);
    console.log('k6 is ready');
    return 0;
  }
  const k6 = findK6(root);
  if (!k6) throw new K6Error('k6 is not here. Run npm run k6 -- setup (needs Go), or put it on the PATH.');
  const url = (values.url ?? `http://127.0.0.1:${values.port}`).replace(/\/$/, '');
  const keyFile = resolve(root, values.data, 'operator', 'api-key');
  if (!existsSync(keyFile)) throw new K6Error(`There is no ${keyFile}. Name the cluster's data folder with --data.`);
  const operatorKey = readFileSync(keyFile, 'utf8').trim();
  const count = Number(values.people ?? (name === 'smoke' ? 2 : 50));
  if (!Number.isInteger(count) || count < 1) throw new K6Error('--people takes a whole number from 1.');
  const { people } = await seedPeople({
    url,
    operatorKey,
    count,
    amountMicro: '1000000000',
    onProgress: (done) => {
      if (done === count || done % 100 === 0) console.log(`${done} of ${count} people have keys and money`);
    },
  });
  const operator = createClient({ url, credential: operatorKey });
  const before = await balancedBooks(operator);
  const scratch = mkdtempSync(join(tmpdir(), 'watershed-k6-'));
  try {
    const file = join(scratch, 'people.json');
    writeFileSync(file, JSON.stringify(people), { mode: 0o600 });
    const summary = join(scratch, 'summary.json');
    const ran = spawnSync(k6, ['run', '--no-usage-report', '--quiet', join(root, 'k6', `${name}.js`)], {
      stdio: 'inherit',
      env: {
        ...process.env,
        WATERSHED_URL: url,
        WATERSHED_PEOPLE: file,
        WATERSHED_SUMMARY: summary,
        ...(values.rate ? { RATE: values.rate } : {}),
        ...(values.duration ? { DURATION: values.duration } : {}),
      },
    });
    const { answers } = JSON.parse(readFileSync(summary, 'utf8')) as { answers: number };
    const rows = (await balancedBooks(operator)).usageEvents - before.usageEvents;
    console.log(`${answers} answers, ${rows} usage rows, the ledger sums to zero`);
    if (rows < answers) throw new K6Error('an answer has no usage row');
    if (ran.status !== 0) throw new K6Error('a threshold was missed (above)');
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    for (const { key, personId } of people)
      await createClient({ url, credential: key }).POST('/v1/me/close', { body: { confirm: personId } });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const told = [K6Error, BooksError, GatewayError, TypeError].some((kind) => error instanceof kind);
  if (!told || !(error instanceof Error)) throw error;
  console.error(`k6: ${error.message}`);
  process.exitCode = 1;
}
