import type { Command } from 'commander';
import { ballotChoice } from '#contracts';
import { type Api, CommandError } from './api.js';
import { countLog, type GenesisOptions } from './counted-log.js';
import { printTally, vote, withKey } from './decide.js';
import { printTable } from './output.js';

export function addGovernanceCommands(program: Command, api: () => Api): void {
  addProposalCommands(program, api);
  const governance = program.command('governance').description('count what was decided, believing nobody');
  governance
    .command('recount')
    .description('download the log and check chain, signatures, lists, majorities and outcomes from the genesis on')
    .option('--cluster <id>', 'the cluster’s id as you know it')
    .option('--genesis <file>', 'the first operator’s public key as you know it (a JWK)')
    .option('--contains <hash>', 'a head that an earlier count showed; fails where the log has been rewritten since')
    .action(async (options: GenesisOptions & { contains?: string }) => {
      const { count, entries } = await countLog(api(), options);
      if (options.contains && !entries.some(({ hash }) => hash === options.contains)) {
        throw new CommandError('The log does not hold that entry any more: it was rewritten.', 'log');
      }
      const states = [...count.memberships.values()].map(({ membership }) => membership.state);
      const decided = [...count.proposals.values()].filter(({ tally }) => tally.state !== 'open').length;
      const of = (state: string) => states.filter((each) => each === state).length;
      console.log(`The log holds: ${entries.length} entries of the cluster ${count.clusterId}.`);
      console.log(`operators  ${[...count.operators.values()].map(({ name }) => name).join(', ')}`);
      console.log(`nodes      ${of('admitted')} admitted, ${of('paused')} paused, ${of('expelled')} expelled`);
      console.log(`proposals  ${decided} closed, ${count.proposals.size - decided} open`);
      console.log(`head       ${count.head.hash}`);
    });
}

function addProposalCommands(program: Command, api: () => Api): void {
  const proposals = program.command('proposals').description('what operators vote on, by a count of the log made here');
  proposals
    .command('list')
    .description('every proposal and where it stands')
    .action(async () => {
      const { count } = await countLog(api());
      const now = new Date();
      const records = [...count.proposals.values()].map((each) => count.recordOf(each, now));
      printTable(
        ['proposal', 'asks for', 'about', 'state', 'for', 'against', 'needed', 'closes'],
        records.map(({ proposal, tally }) => [
          proposal.proposalId,
          proposal.kind,
          proposal.subject,
          tally.state,
          ...[tally.for, tally.against, tally.needed].map(String),
          proposal.closesAt,
        ]),
      );
    });
  proposals
    .command('show')
    .description('one proposal with its ballots')
    .argument('<proposalId>')
    .action(async (proposalId: string) => {
      const { count } = await countLog(api());
      const found = count.proposals.get(proposalId);
      if (!found) throw new CommandError(`No proposal of this cluster has the id ${proposalId}.`, 'proposal_unknown');
      console.log(JSON.stringify(count.recordOf(found, new Date()), null, 2));
    });
  withKey(proposals.command('vote').description('vote, signed with your key'))
    .argument('<proposalId>')
    .argument('<choice>', 'for or against')
    .action(async (proposalId: string, text: string, options: { key?: string }) => {
      const choice = ballotChoice.safeParse(text);
      if (!choice.success) throw new CommandError('A vote is `for` or `against`.');
      printTally(await vote(api(), proposalId, choice.data, options.key), `Proposal ${proposalId} has passed.`);
    });
}
