import { z } from 'zod';
import { ballot, logEntry, operator, pageOf, proposal, proposalRecord, tally } from '#contracts';
import { named, namedRequest } from '../http/api-schema.js';

export const proposalBody = namedRequest('OpenProposal', proposal);
export const ballotBody = namedRequest('CastBallot', ballot);
const proposalSchema = named('Proposal', z.object(proposal.shape));
const ballotSchema = named('Ballot', z.object(ballot.shape));
export const tallySchema = named('Tally', tally);
export const recordSchema = named(
  'ProposalRecord',
  proposalRecord.extend({ proposal: proposalSchema, tally: tallySchema, ballots: z.array(ballotSchema) }),
);
export const recordsPage = named('ProposalsPage', pageOf(recordSchema));
const operatorSchema = named('Operator', operator);
export const operatorsSchema = named('Operators', z.object({ items: z.array(operatorSchema) }));
const entrySchema = named('DecisionLogEntry', logEntry);
export const logPage = named(
  'DecisionLogPage',
  pageOf(entrySchema).extend({ head: logEntry.pick({ hash: true }).extend({ seq: z.number().int().nonnegative() }) }),
);
