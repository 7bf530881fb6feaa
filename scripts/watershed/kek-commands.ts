import { resolve } from 'node:path';
import type { Command } from 'commander';
import { secretKeyFileOf } from '#sigil';
import { CommandError } from './api.js';

const purposes = { people: 'kek', pods: 'pod-kek' } as const;
const isOwner = (name: string): name is keyof typeof purposes => Object.keys(purposes).includes(name);

/** Works on files of this machine, without a running cluster. */
export function addKekCommands(program: Command, dataFolder: () => string): void {
  const kek = program
    .command('kek')
    .description('the keys that wrap people’s and pods’ keys, in files of this machine');
  kek
    .command('rotate')
    .description(
      'make the next one; the next start of what uses it wraps every key by it, and refuses the old one then',
    )
    .argument('<people|pods>', 'whose keys it wraps: `people` is the gateway’s, `pods` the pod host’s')
    .option('--file <path>', 'the key file (default: in the data folder; GATEWAY_KEK_FILE or POD_HOST_KEK_FILE)')
    .action(async (owner: string, options: { file?: string }) => {
      if (!isOwner(owner)) throw new CommandError(`kek rotate takes people or pods, not "${owner}".`);
      const named = owner === 'people' ? process.env.GATEWAY_KEK_FILE : process.env.POD_HOST_KEK_FILE;
      const file = resolve(options.file ?? named ?? secretKeyFileOf(dataFolder(), purposes[owner]));
      // Loaded here alone: it brings the database's client with it, which no other command needs.
      const { beginKekRotation, nextKekFile } = await import('#seal');
      const begun = await beginKekRotation(file, purposes[owner]);
      const service = owner === 'people' ? 'gateway' : 'pod host';
      console.log(
        `${begun ? 'The next key lies in' : 'A next key waits already in'} ${nextKekFile(file)}. Stop every ${service}, then start ` +
          `one: it wraps every key anew and takes ${file} from then on. Keep a copy of today's ${file} for as long ` +
          'as you keep backups of the database from before, apart from them.',
      );
    });
}
