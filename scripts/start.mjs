// `npm start`: makes the clone runnable, then starts the cluster. Nothing here needs an installed package.
import { checkNode, prepare } from './prepare.mjs';

const help = `Usage: npm start -- [options]

Starts a Watershed cluster on this machine and shows where to reach it. Ctrl-C stops it.

  --port N       the gateway's port; the other services take the ports after it   (default 4100)
  --data DIR     where keys, databases, models and pods are kept                   (default .watershed/data)
  --processes    one service a process, instead of all beside the runner in one
  --triton       serve models from a real Triton on this machine's processor, which is set up when it is not
                 (Linux on x86-64 with Python 3.11; npm run -s triton -- --help), not from the embedded model server
  --region R     the cluster's region, when it is first made                       (default EU/FR)
  --name TEXT    the cluster's name, when it is first made                         (default "watershed")
  --reset        deletes the data folder first (asks for no confirmation)
  --help         this text

Environment:
  REDIS_URL      a Redis or Valkey (7 or newer) to use, instead of one of our own
  DATABASE_URL   a Postgres (15 or newer) to use, as a login that may create roles, instead of the embedded one
  WATERSHED_CA_FILE           authorities (PEM) that vouch for both, where they are on another machine (docs/deployment.md)
  WATERSHED_INTERNAL_NETWORK  hosts and ranges where both may be spoken to without TLS
  WATERSHED_NODE_RANGES       names and ranges where nodes that join may be reached (docs/joining.md)
  GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE  with them the gateway speaks HTTPS
  TRITON_URL     a Triton Inference Server to use, instead of the embedded model server
`;

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(help);
  process.exit(0);
}
checkNode();
await prepare();
await import('../dist/bundle/start.js');
