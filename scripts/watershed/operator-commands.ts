import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { publicJwk } from '#contracts';
import { loadOrCreateSigil, thumbprintOf } from '#sigil';
import { type Api, CommandError } from './api.js';
import { countLog } from './counted-log.js';
import { type DecideOptions, decide, printTally, withDecision } from './decide.js';
import { printTable } from './output.js';

export function addOperatorCommands(program: Command, api: () => Api): void {
  const operators = program.command('operators').description('whose ballots count, and votes on that');
  operators
    .command('list')
    .description('the operators, by a count of the log made here')
    .action(async () => {
      const { count } = await countLog(api());
      printTable(
        ['operator', 'name', 'since'],
        [...count.operators.values()].map(({ operatorId, name, since }) => [operatorId, name, since]),
      );
    });
  operators
    .command('create-key')
    .description('make a key file of your own, and beside it FILE.pub to hand to those who vote on you')
    .argument('<file>')
    .action(async (file: string) => {
      if (existsSync(file)) throw new CommandError(`${file} exists already; choose another name.`);
      const { publicJwk: key, thumbprint } = await loadOrCreateSigil(file, 'operator');
      await writeFile(`${file}.pub`, `${JSON.stringify(key)}\n`);
      console.log(`operator  ${thumbprint}`);
      console.log(`public    ${file}.pub`);
    });
  withDecision(operators.command('add').description('ask for someone to become an operator'))
    .argument('<publicKeyFile>', 'their public key, as create-key writes it')
    .requiredOption('--name <name>', 'what they are called in listings')
    .action(async (file: string, options: DecideOptions & { name: string }) => {
      const key = await publicKeyOf(file);
      const about = {
        kind: 'operator-add',
        subject: thumbprintOf(key),
        candidate: { name: options.name, key },
      } as const;
      printTally(await decide(api(), about, options), `${options.name} is an operator.`);
    });
  withDecision(operators.command('remove').description('ask for an operator to be one no more; their nodes stay'))
    .argument('<operatorId>')
    .action(async (operatorId: string, options: DecideOptions) => {
      const tally = await decide(api(), { kind: 'operator-remove', subject: operatorId }, options);
      printTally(tally, `${operatorId} is an operator no more.`);
      if (tally.state === 'passed') await printNodesOf(api(), operatorId);
    });
}

async function publicKeyOf(file: string) {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CommandError(`${file} cannot be read.`);
  });
  try {
    return publicJwk.parse(JSON.parse(text));
  } catch {
    throw new CommandError(`${file} holds no Ed25519 public key as a JWK. operators create-key writes one.`);
  }
}

async function printNodesOf(api: Api, operatorId: string): Promise<void> {
  const { count } = await countLog(api);
  const theirs = [...count.memberships.values()].filter(
    ({ membership }) => membership.operatorId === operatorId && membership.state !== 'expelled',
  );
  if (theirs.length === 0) return;
  console.log('Nodes that they brought still belong; each goes by a vote of its own (nodes expel):');
  for (const { membership } of theirs) console.log(`  ${membership.nodeId}`);
}
