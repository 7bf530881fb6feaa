import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { believeOnly, gatewayPlace } from '../gateway-place.js';
import { inspectAsOperator } from './operator.js';
import { becomeAPerson, inferLanguages, inferTensors, keepData, payForIt, refuseWell } from './person.js';
import { Story, UnexpectedError } from './story.js';

const help = `Usage: npm run demo -- [options]

Tells the main story over HTTP against a running cluster, says what it sees, and exits 1 where anything differs.

  --port N       the gateway's port                       (default 4100)
  --url URL      the gateway, where it is not on this machine
  --fingerprint  SHA-256 of its certificate, where no authority vouches for it
  --data DIR     the cluster's data folder, for the operator's part  (default .watershed/data)
  --wait S       how long to wait for the cluster         (default 60)
  --help         this text
`;

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '4100' },
      url: { type: 'string' },
      fingerprint: { type: 'string' },
      data: { type: 'string', default: join('.watershed', 'data') },
      wait: { type: 'string', default: '60' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const place = gatewayPlace({ ...values, dataFolder: resolve(root, values.data) });
  await believeOnly(place);
  const { url } = place;
  const story = new Story(url);
  const waitMs = Number(values.wait) * 1000;
  story.see(`Watershed demo against ${url}`);
  await story.until(`a cluster that is ready at ${url} (start one with npm start)`, waitMs, async () => {
    const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    return answer?.ok ? true : undefined;
  });
  const person = await becomeAPerson(story);
  const spent = await inferLanguages(story, person, waitMs);
  const tensors = await inferTensors(story, person);
  await payForIt(story, person, spent + tensors);
  await keepData(story, person);
  await refuseWell(story, person);
  const keyFile = resolve(root, values.data, 'operator', 'api-key');
  if (existsSync(keyFile)) await inspectAsOperator(story, readFileSync(keyFile, 'utf8').trim(), person.personId);
  else story.see(`The operator's part is left out: no key at ${keyFile} (name the data folder with --data).`);
  story.see('');
  story.see(`All ${story.stepCount} parts went as they should.`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const line =
    error instanceof UnexpectedError ? error.message : error instanceof Error ? error.message : String(error);
  process.stderr.write(`\ndemo: ${line}\n`);
  process.exitCode = 1;
}
