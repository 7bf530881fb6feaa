import { join } from 'node:path';
import type { Command } from 'commander';
import { uuidv7 } from 'uuidv7';
import type { MembershipState } from '#contracts';
import { documentTyp, loadSigil, signDocument } from '#sigil';
import type { Api } from './api.js';
import { printTable } from './output.js';

interface NodeRow {
  readonly nodeId: string;
  readonly manifest: { readonly services: readonly string[] };
  readonly health: string;
  readonly lastSeenAt: string;
}

const decisions: readonly (readonly [command: string, state: MembershipState, description: string])[] = [
  ['admit', 'admitted', 'let a node serve (again)'],
  ['pause', 'paused', 'keep a node’s membership and give it no work'],
  ['expel', 'expelled', 'refuse a node everywhere'],
];

export function addNodeCommands(program: Command, api: () => Api): void {
  const nodes = program.command('nodes').description('see nodes and decide on them, as an operator');
  nodes
    .command('list')
    .description('every node that has joined')
    .action(async () => {
      const found = await api().all<NodeRow>('/v1/nodes');
      printTable(
        ['node', 'services', 'health', 'last seen'],
        found.map((node) => [node.nodeId, node.manifest.services.join(' '), node.health, node.lastSeenAt]),
      );
    });
  for (const [command, state, description] of decisions)
    nodes
      .command(command)
      .description(`${description}; signed with the operator’s key of the data folder`)
      .argument('<nodeId>')
      .requiredOption('--reason <text>', 'kept in the log of decisions')
      .action(async (nodeId: string, options: { reason: string }) => {
        const sigil = await loadSigil(join(api().dataFolder, 'operator', 'sigil.json'), 'operator');
        const decision = await signDocument(
          {
            type: 'watershed/membership-decision' as const,
            decisionId: uuidv7(),
            nodeId,
            state,
            reason: options.reason,
            decidedAt: new Date().toISOString(),
            operatorId: sigil.thumbprint,
          },
          sigil,
          { typ: documentTyp.membershipDecision },
        );
        await api().request('POST', `/v1/nodes/${encodeURIComponent(nodeId)}/membership`, { json: decision });
        console.log(`${nodeId} is ${state}.`);
      });
}
