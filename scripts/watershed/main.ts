import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { believeOnly, type GatewayPlace, gatewayPlace } from '../gateway-place.js';
import { Api, CommandError } from './api.js';
import { addGovernanceCommands } from './governance-commands.js';
import { addKekCommands } from './kek-commands.js';
import { addModelCommands } from './model-commands.js';
import { addNodeCommands } from './node-commands.js';
import { addOperatorCommands } from './operator-commands.js';
import { addPeopleCommands } from './people-commands.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

const program = new Command('watershed')
  .description('The command line of a Watershed cluster; it speaks the gateway’s API.')
  .option('--url <url>', 'the gateway (default: WATERSHED_URL, else this machine)', process.env.WATERSHED_URL)
  .option(
    '--fingerprint <sha256>',
    'of its certificate (default: WATERSHED_FINGERPRINT)',
    process.env.WATERSHED_FINGERPRINT,
  )
  .option('--port <n>', 'its port on this machine', '4100')
  .option('--data <dir>', 'the cluster’s data folder, where the operator’s keys lie', join('.watershed', 'data'))
  .addHelpText('after', '\nThe key is taken from WATERSHED_KEY, else it is the operator’s of the data folder.')
  .showHelpAfterError('(see --help)')
  .exitOverride();

/** Where the command goes, by the options that stand before it. */
function place(): GatewayPlace & { readonly dataFolder: string } {
  const { data, ...options } = program.opts<{ url?: string; fingerprint?: string; port: string; data: string }>();
  const dataFolder = resolve(root, data);
  return { ...gatewayPlace({ ...options, dataFolder }), dataFolder };
}

const api = (): Api => {
  const { url, dataFolder } = place();
  return new Api({ url, dataFolder, ...(process.env.WATERSHED_KEY ? { key: process.env.WATERSHED_KEY } : {}) });
};
program.hook('preAction', () => believeOnly(place()));

addPeopleCommands(program, api);
addModelCommands(program, api);
addNodeCommands(program, api);
addOperatorCommands(program, api);
addGovernanceCommands(program, api);
addKekCommands(program, () => resolve(root, program.opts<{ data: string }>().data));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    const known = error instanceof CommandError || (error instanceof Error && error.name === 'KeyFileError');
    const line = known && error instanceof Error ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`watershed: ${line}\n`);
    process.exitCode = 1;
  }
}
