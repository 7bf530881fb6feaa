import type { Command } from 'commander';
import type { ProposalKind } from '#contracts';
import type { Api } from './api.js';
import { type DecideOptions, decide, printTally, withDecision } from './decide.js';
import { addJoinCommands } from './join-commands.js';
import { printTable } from './output.js';

interface NodeRow {
  readonly nodeId: string;
  readonly manifest: { readonly services: readonly string[] };
  readonly health: string;
  readonly lastSeenAt: string;
}

const decisions: readonly (readonly [command: string, kind: ProposalKind, done: string, description: string])[] = [
  ['admit', 'node-readmit', 'admitted', 'let a node serve again'],
  ['pause', 'node-pause', 'paused', 'keep a node’s membership and give it no work'],
  ['expel', 'node-exclude', 'expelled', 'refuse a node everywhere'],
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
  addJoinCommands(nodes, api);
  for (const [command, kind, done, description] of decisions) {
    withDecision(nodes.command(command).description(`${description}; asks the other operators, where there are any`))
      .argument('<nodeId>')
      .action(async (nodeId: string, options: DecideOptions) =>
        printTally(await decide(api(), { kind, subject: nodeId }, options), `${nodeId} is ${done}.`),
      );
  }
}
