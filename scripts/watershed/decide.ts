import { join } from 'node:path';
import type { Command } from 'commander';
import { uuidv7 } from 'uuidv7';
import { type CountedProposal, decidesAlone, inOrder, isOpenAt, signBallot, signProposal } from '#ballots';
import type { BallotChoice, Proposal, ProposalKind, Tally } from '#contracts';
import { loadSigil, type Sigil } from '#sigil';
import { type Api, CommandError } from './api.js';
import { countLog } from './counted-log.js';

export interface DecideOptions {
  /** The operator's key file; absent: the one of the data folder. */
  readonly key?: string;
  readonly reason: string;
  readonly days: string;
}

export const withKey = (command: Command): Command =>
  command.option('--key <file>', 'the operator’s key file that signs (default: the data folder’s)');

/** Options of a command that opens a proposal. */
export const withDecision = (command: Command): Command =>
  withKey(command)
    .requiredOption('--reason <text>', 'kept in the log of decisions')
    .option('--days <n>', 'how long the vote stays open', '7');

export const operatorSigil = (api: Api, key: string | undefined): Promise<Sigil> =>
  loadSigil(key ?? join(api.dataFolder, 'operator', 'sigil.json'), 'operator');

/**
 * Asks for a decision and votes for it: with one operator it is done, with several it is done when more than half have. An
 * open proposal for the same is voted on rather than opened a second time. The list of operators that is signed is the one
 * that the log comes to when it is counted here.
 */
export async function decide(
  api: Api,
  about: { readonly kind: ProposalKind; readonly subject: string; readonly candidate?: Proposal['candidate'] },
  options: DecideOptions,
): Promise<Tally> {
  const sigil = await operatorSigil(api, options.key);
  const { count } = await countLog(api);
  const alone = decidesAlone(about.kind, sigil.thumbprint, count.memberships.get(about.subject));
  const now = new Date();
  const open = [...count.proposals.values()].find(
    (each) =>
      each.proposal.kind === about.kind &&
      each.proposal.subject === about.subject &&
      isOpenAt(each, now) &&
      each.proposal.operators.includes(sigil.thumbprint),
  );
  if (open) return castVote(api, open, 'for', sigil);
  const proposal = await signProposal(
    {
      proposalId: uuidv7(),
      clusterId: count.clusterId,
      kind: about.kind,
      subject: about.subject,
      ...(about.candidate ? { candidate: about.candidate } : {}),
      reason: options.reason,
      operators: alone ? [sigil.thumbprint] : inOrder(count.operators.keys()),
      openedAt: now.toISOString(),
      closesAt: new Date(now.getTime() + daysOf(options.days) * 86_400_000).toISOString(),
    },
    sigil,
  );
  await api.request('POST', '/v1/governance/proposals', { json: proposal });
  return vote(api, proposal.proposalId, 'for', options.key);
}

/** Votes on a proposal as the log has it, which is what the ballot then names. */
export async function vote(api: Api, proposalId: string, choice: BallotChoice, key?: string): Promise<Tally> {
  const sigil = await operatorSigil(api, key);
  const { count } = await countLog(api);
  const on = count.proposals.get(proposalId);
  if (!on) throw new CommandError(`No proposal of this cluster has the id ${proposalId}.`, 'proposal_unknown');
  return castVote(api, on, choice, sigil);
}

async function castVote(api: Api, on: CountedProposal, choice: BallotChoice, sigil: Sigil): Promise<Tally> {
  const { proposalId, clusterId } = on.proposal;
  const ballot = await signBallot(
    { clusterId, proposalId, proposalDigest: on.digest, choice, castAt: new Date() },
    sigil,
  );
  return api.request('POST', `/v1/governance/proposals/${proposalId}/ballots`, { json: ballot });
}

/** Says where it stands; `done` is what a passed proposal came to. */
export function printTally(tally: Tally, done: string): void {
  const ballots = `${tally.for} for, ${tally.against} against, ${tally.needed} needed`;
  if (tally.state === 'passed') console.log(`${done} (${ballots})`);
  else if (tally.state === 'open') {
    console.log(`Proposal ${tally.proposalId} is open: ${ballots}.`);
    console.log(`Other operators vote with: npm run -s watershed -- proposals vote ${tally.proposalId} for`);
  } else console.log(`Proposal ${tally.proposalId} is ${tally.state}: ${ballots}.`);
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!(days > 0 && days <= 30)) throw new CommandError('--days takes a number up to 30.');
  return days;
}
