import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { metricsPort } from '../compose/container/containers.js';
import { believeOnly, gatewayPlace } from '../gateway-place.js';
import { Api } from '../watershed/api.js';
import { checks } from './checks.js';

const help = `Usage: npm run doctor [-- options]

Checks a running cluster and says what is wrong and what to do; exits 1 where anything is.

  --port N       the gateway's port                 (default 4100)
  --url URL      the gateway, where it is not on this machine
  --fingerprint  SHA-256 of its certificate, where no authority vouches for it
  --data DIR     the cluster's data folder          (default .watershed/data)
  --stack NAMES  the services of a compose stack, seen from one of its containers (docs/deployment.md)
  --help         this text
`;

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4100' },
    url: { type: 'string' },
    fingerprint: { type: 'string' },
    data: { type: 'string', default: join('.watershed', 'data') },
    stack: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const dataFolder = resolve(root, values.data);
const place = gatewayPlace({ ...values, dataFolder });
await believeOnly(place);
const { url } = place;
const key = process.env.WATERSHED_KEY;
const stack = values.stack?.split(',').map((name) => ({ name, metricsUrl: `http://${name}:${metricsPort}/metrics` }));
const api = new Api({ url, dataFolder, ...(key ? { key } : {}) });
const failed = new Set<string>();
let soon = 0;
for (const check of checks({ url, dataFolder, api, ...(stack ? { stack } : {}) })) {
  if (check.needs && failed.has(check.needs)) {
    failed.add(check.name);
    console.log(`–  ${check.name}: not looked at, for want of "${check.needs}"`);
    continue;
  }
  const finding = await check.run().catch((error: unknown) => ({
    ok: false as const,
    wrong: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
    remedy: 'the check itself failed; look into the logs',
  }));
  if (finding.ok && finding.soon === undefined) console.log(`✓  ${check.name}: ${finding.seen}`);
  else if (finding.ok) {
    soon += 1;
    console.log(`!  ${check.name}: ${finding.seen}\n     → ${finding.soon}`);
  } else {
    failed.add(check.name);
    console.log(`✗  ${check.name}: ${finding.wrong}\n     → ${finding.remedy}`);
  }
}
const well = soon === 0 ? 'All is well.' : 'All is well for now; what is marked with ! wants attention soon.';
console.log(failed.size === 0 ? `\n${well}` : `\n${failed.size} of the checks above need attention.`);
process.exitCode = failed.size === 0 ? 0 : 1;
