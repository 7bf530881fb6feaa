import { resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type InternalNetwork, internalNetworkOf } from '#config';
import { type NodeManifest, nodeManifestBody, publicJwk, type ServiceName, serviceName, sha256 } from '#contracts';
import { nodeCertificate, nodeKey } from '#node';
import { createPrivateFile, documentTyp, signDocument, thumbprintOf } from '#sigil';
import { plainFingerprint } from '../gateway-place.js';
import { type Api, CommandError } from './api.js';
import { operatorSigil, withKey } from './decide.js';

interface TicketOptions {
  readonly key?: string;
  readonly publicKey: string;
  readonly services: string;
  readonly nodeUrl?: string;
  readonly gatewayUrl?: string;
  readonly gatewayFingerprint?: string;
  readonly modelMemoryMb?: string;
  readonly expires: string;
  readonly out: string;
}

/** A node's key, and the certificate that it shows where it takes content over TLS. */
const printedKey = publicJwk.extend({ tlsFingerprint: sha256.optional() });
const keyText = z.string().transform((text, context) => {
  try {
    return printedKey.parse(JSON.parse(text));
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
      const sigil = await nodeKey(resolve(nodeData), name);
      const { fingerprint } = await nodeCertificate(resolve(nodeData), name);
      console.log(JSON.stringify({ ...sigil.publicJwk, tlsFingerprint: fingerprint }));
    });
  withKey(
    nodes
      .command('ticket')
      .description('let one node in, once: makes a ticket for its key, signs its manifest, writes both to a file')
      .argument('<publicKey>', 'what `nodes key` printed there'),
  )
    .option('--services <names>', 'what it runs, with commas', 'runner')
    .option('--node-url <url>', 'where the others will reach it')
    .option('--gateway-url <url>', 'where the node reaches the gateway (default: where this command does)')
    .option('--gateway-fingerprint <sha256>', 'of the certificate shown there (default: the gateway’s own)')
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

/** An address as others will use it: of TLS, or between places where plain text may travel. */
function place(text: string, network: InternalNetwork): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new CommandError(`"${text}" is no http or https address.`);
  if (network.exposes(text))
    throw new CommandError(
      `${text} would be reached in plain text: name an https address, or the host in WATERSHED_INTERNAL_NETWORK where nobody else can listen.`,
    );
  return url;
}

function needed(tlsFingerprint: string | undefined): string {
  if (tlsFingerprint) return tlsFingerprint;
  throw new CommandError(
    'The key comes without the certificate that an https address needs: print it anew with `nodes key`.',
  );
}

function fingerprintFor(gatewayUrl: URL, fingerprint: string | undefined): { gatewayFingerprint?: string } {
  if (gatewayUrl.protocol !== 'https:' || fingerprint === undefined) return {};
  const plain = plainFingerprint(fingerprint);
  if (!sha256.safeParse(plain).success) throw new CommandError('--gateway-fingerprint takes a SHA-256 in hexadecimal.');
  return { gatewayFingerprint: plain };
}

async function ticket(api: Api, options: TicketOptions): Promise<void> {
  const parsed = keyText.safeParse(options.publicKey);
  if (!parsed.success) throw new CommandError('The key is not one that `watershed nodes key` prints.');
  const { tlsFingerprint, ...key } = parsed.data;
  const network = internalNetworkOf(process.env);
  const nodeUrl = options.nodeUrl === undefined ? undefined : place(options.nodeUrl, network);
  const gatewayUrl = place(options.gatewayUrl ?? api.url, network);
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
    ...(nodeUrl ? { url: nodeUrl.origin } : {}),
    ...(nodeUrl?.protocol === 'https:' ? { tlsFingerprint: needed(tlsFingerprint) } : {}),
    operatorId: operator.thumbprint,
    capabilities: memoryBytes === undefined ? {} : { modelMemoryBytes: memoryBytes },
    issuedAt: new Date().toISOString(),
  });
  const manifest: NodeManifest = await signDocument(body, operator, {
    typ: documentTyp.nodeManifest,
    aud: descriptor.clusterId,
  });
  const made = await api.request<{ ticket: string; expiresAt: string; gatewayFingerprint?: string }>(
    'POST',
    '/v1/nodes/tickets',
    {
      json: { nodeId, services, expiresInSeconds: Number(options.expires) },
    },
  );
  const file = {
    type: 'watershed/join',
    gatewayUrl: gatewayUrl.origin,
    ...fingerprintFor(gatewayUrl, options.gatewayFingerprint ?? made.gatewayFingerprint),
    clusterName: descriptor.name,
    ticket: made.ticket,
    manifest,
  };
  if (!(await createPrivateFile(resolve(options.out), `${JSON.stringify(file, null, 2)}\n`)))
    throw new CommandError(`${options.out} is there already: name another file.`);
  console.log(`${nodeId} may join once, until ${made.expiresAt}, with ${options.out}.`);
}
