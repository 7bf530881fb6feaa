import { resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type NodeManifest, nodeManifestBody, publicJwk, type ServiceName, serviceName } from '#contracts';
import { createPrivateFile, documentTyp, loadOrCreateSigil, signDocument, thumbprintOf } from '#sigil';
import { type Api, CommandError } from './api.js';
import { operatorSigil, withKey } from './decide.js';

interface TicketOptions {
  readonly key?: string;
  readonly publicKey: string;
  readonly services: string;
  readonly nodeUrl?: string;
  readonly modelMemoryMb?: string;
  readonly expires: string;
  readonly out: string;
}

const keyText = z.string().transform((text, context) => {
  try {
    return publicJwk.parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'no public key' });
    return z.NEVER;
  }
});

/** How an operator lets a node in, and what whoever runs it does for that. */
export function addJoinCommands(nodes: Command, api: () => Api): void {
  nodes
    .command('key')
    .description('the key by which a node of this machine is known, made where there is none; for its operator')
    .argument('[name]', 'of the node, as WATERSHED_NODE_NAME; the first of its services', 'runner')
    .requiredOption('--node-data <dir>', 'the node’s data folder')
    .action(async (name: string, { nodeData }: { nodeData: string }) => {
      const sigil = await loadOrCreateSigil(resolve(nodeData, 'nodes', `${name}.json`), 'node');
      console.log(JSON.stringify(sigil.publicJwk));
    });
  withKey(
    nodes
      .command('ticket')
      .description('let one node in, once: makes a ticket for its key, signs its manifest, writes both to a file')
      .argument('<publicKey>', 'what `nodes key` printed there'),
  )
    .option('--services <names>', 'what it runs, with commas', 'runner')
    .option('--node-url <url>', 'where the others will reach it')
    .option('--model-memory-mb <n>', 'what a runner has for models')
    .option('--expires <seconds>', 'how long the ticket may lie unused', '3600')
    .requiredOption('--out <file>', 'where the join file is written, mode 0600; hand it to whoever runs the node')
    .action(async (publicKey: string, options: Omit<TicketOptions, 'publicKey'>) => {
      await ticket(api(), { ...options, publicKey });
    });
}

function servicesOf(text: string): ServiceName[] {
  const parsed = z.array(serviceName).min(1).safeParse(text.split(','));
  if (!parsed.success) throw new CommandError(`--services takes names of services with commas, not "${text}".`);
  return parsed.data;
}

async function ticket(api: Api, options: TicketOptions): Promise<void> {
  const parsed = keyText.safeParse(options.publicKey);
  if (!parsed.success) throw new CommandError('The key is not one that `watershed nodes key` prints.');
  const key = parsed.data;
  const nodeId = thumbprintOf(key);
  const services = servicesOf(options.services);
  const operator = await operatorSigil(api, options.key);
  const { descriptor } = await api.request<{ descriptor: { clusterId: string; name: string; region: string } }>(
    'GET',
    '/v1/cluster',
  );
  const memoryBytes = options.modelMemoryMb === undefined ? undefined : Number(options.modelMemoryMb) * 2 ** 20;
  const body = z.object(nodeManifestBody).parse({
    type: 'watershed/node-manifest',
    nodeId,
    clusterId: descriptor.clusterId,
    region: descriptor.region,
    types: [services.includes('runner') ? 'compute' : 'core'],
    services,
    key,
    ...(options.nodeUrl ? { url: options.nodeUrl } : {}),
    operatorId: operator.thumbprint,
    capabilities: memoryBytes === undefined ? {} : { modelMemoryBytes: memoryBytes },
    issuedAt: new Date().toISOString(),
  });
  const manifest: NodeManifest = await signDocument(body, operator, {
    typ: documentTyp.nodeManifest,
    aud: descriptor.clusterId,
  });
  const made = await api.request<{ ticket: string; expiresAt: string }>('POST', '/v1/nodes/tickets', {
    json: { nodeId, services, expiresInSeconds: Number(options.expires) },
  });
  const file = {
    type: 'watershed/join',
    gatewayUrl: api.url,
    clusterName: descriptor.name,
    ticket: made.ticket,
    manifest,
  };
  if (!(await createPrivateFile(resolve(options.out), `${JSON.stringify(file, null, 2)}\n`)))
    throw new CommandError(`${options.out} is there already: name another file.`);
  console.log(`${nodeId} may join once, until ${made.expiresAt}, with ${options.out}.`);
}
