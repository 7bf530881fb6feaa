import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256Hex, withLogin } from '#access';
import { InternalNetwork } from '#config';
import { nodeManifest, sha256, thumbprint } from '#contracts';
import { WatershedError } from '#errors';
import { addSignature, createPrivateFile, documentTyp, loadOrCreateSigil, type Sigil } from '#sigil';
import { askToJoin } from './join-request.js';

/**
 * What an operator hands to whoever runs a node: the gateway, a ticket, and the manifest as they signed it. It lets in
 * the one key that it names, so it is a secret until it is used and of no use to anybody else.
 */
export const joinFile = z.strictObject({
  type: z.literal('watershed/join'),
  gatewayUrl: z.url(),
  /** SHA-256 of the certificate that the gateway shows; absent: the authorities that Node knows vouch for it. */
  gatewayFingerprint: sha256.optional(),
  clusterName: z.string().min(1).max(80),
  ticket: z.string(),
  manifest: nodeManifest,
});
export type JoinFile = z.infer<typeof joinFile>;

/**
 * What a node keeps of its join, beside its key: where it logs in, with the password that it chose, and who vouches
 * for the servers there.
 */
const keptLogin = z.object({ clusterId: thumbprint, redisUrl: z.string(), authority: z.string().optional() });

/** What a node that is joining keeps until it is answered. */
const joining = z.object({ password: z.string().min(43) });

const nodeFile = (dataDir: string, name: string, ending: string): string => join(dataDir, 'nodes', `${name}${ending}`);

/** The key by which a node of this data folder is known, made where there is none. */
export const nodeKey = (dataDir: string, name: string): Promise<Sigil> =>
  loadOrCreateSigil(nodeFile(dataDir, name, '.json'), 'node');

/** Reads a join file. Throws `invalid_request` in one line. */
export function readJoinFile(file: string): JoinFile {
  try {
    return joinFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new WatershedError('invalid_request', `${file} is no join file: ask the operator for one.`, { cause });
  }
}

/**
 * Joins by the file, once; later starts log in with what was kept then. One whose answer was lost asks again with the
 * password that it wrote down before it asked, which the cluster takes for the same request. Answers the settings that a service of this node
 * starts with. Throws the gateway's refusal, `no_node_available` where no gateway answers in time and as one does, `connection_untrusted` where the
 * ticket would go in plain text or to another certificate than the file names, `conflict` where the file was made for
 * another key than this folder's, or what answers is another cluster.
 */
export async function joinCluster(options: {
  readonly file: JoinFile;
  readonly dataDir: string;
  readonly name: string;
  /** Where plain text may travel; on this machine alone when absent. */
  readonly network?: InternalNetwork;
  /** For the gateway's whole answer; 15 s when absent. */
  readonly timeoutMs?: number;
}): Promise<Readonly<Record<string, string>>> {
  const { file, dataDir, name } = options;
  const { manifest, gatewayUrl, gatewayFingerprint } = file;
  const sigil = await nodeKey(dataDir, name);
  if (sigil.thumbprint !== manifest.nodeId) {
    throw new WatershedError('conflict', `The join file is for another node than the key of ${dataDir}.`, {
      details: { nodeId: sigil.thumbprint, madeFor: manifest.nodeId },
    });
  }
  const signed = { typ: documentTyp.nodeManifest, aud: manifest.clusterId };
  const complete = await addSignature(manifest, sigil, signed);
  const kept = nodeFile(dataDir, name, '.login.json');
  if (!existsSync(kept)) {
    const chosen = nodeFile(dataDir, name, '.joining.json');
    const password = await writtenPassword(chosen);
    const answer = await askToJoin(
      {
        gatewayUrl,
        gatewayFingerprint,
        network: options.network ?? new InternalNetwork(),
        timeoutMs: options.timeoutMs,
      },
      { ticket: file.ticket, manifest: complete, redisPasswordSha256: sha256Hex(password) },
    );
    ofItsCluster(answer.clusterId, manifest.clusterId, `What answers at ${gatewayUrl}`);
    const redisUrl = withLogin(answer.redisUrl, sigil.thumbprint, password);
    const { clusterId, authority } = answer;
    await createPrivateFile(kept, `${JSON.stringify({ clusterId, redisUrl, authority })}\n`);
    await rm(chosen, { force: true });
  }
  const login = keptLogin.parse(JSON.parse(readFileSync(kept, 'utf8')));
  ofItsCluster(login.clusterId, manifest.clusterId, `The login that lies in ${dataDir}`);
  const keep = async (what: string, ending: string, text: string): Promise<string> => {
    const path = nodeFile(dataDir, name, `.${what}-${sha256Hex(text).slice(0, 16)}${ending}`);
    await createPrivateFile(path, text);
    return path;
  };
  const manifestFile = await keep('manifest', '.json', `${JSON.stringify(complete)}\n`);
  const authorityFile = login.authority && (await keep('authority', '.pem', login.authority));
  const prefix = (manifest.services[0] ?? '').toUpperCase().replaceAll('-', '_');
  return {
    // It answers where its manifest says.
    ...(manifest.url ? addressSettings(prefix, new URL(manifest.url)) : {}),
    WATERSHED_CLUSTER_ID: login.clusterId,
    WATERSHED_CLUSTER_NAME: file.clusterName,
    WATERSHED_REGION: manifest.region,
    WATERSHED_DATA_DIR: dataDir,
    WATERSHED_NODE_NAME: name,
    WATERSHED_REDIS_URL: login.redisUrl,
    ...(authorityFile ? { WATERSHED_CA_FILE: authorityFile } : {}),
    WATERSHED_MANIFEST_FILE: manifestFile,
  };
}

/** A login of another cluster would take this node, and what is brought to it, there. */
function ofItsCluster(clusterId: string, expected: string, what: string): void {
  if (clusterId === expected) return;
  throw new WatershedError('conflict', `${what} is of the cluster ${clusterId}, the join file of ${expected}.`, {
    details: { clusterId, expected },
  });
}

/** The password that this node has chosen: on the disk before the cluster hears of it. */
async function writtenPassword(file: string): Promise<string> {
  await createPrivateFile(file, `${JSON.stringify({ password: randomBytes(32).toString('base64url') })}\n`);
  return joining.parse(JSON.parse(readFileSync(file, 'utf8'))).password;
}

/** Where to listen so that the manifest's address leads here; a machine is reached by addresses that it need not know. */
function addressSettings(prefix: string, url: URL): Record<string, string> {
  const own = new InternalNetwork().has(url.hostname);
  return {
    [`${prefix}_PUBLIC_URL`]: url.origin,
    [`${prefix}_PORT`]: url.port || (url.protocol === 'https:' ? '443' : '80'),
    ...(own ? {} : { [`${prefix}_HOST`]: url.hostname.startsWith('[') ? '::' : '0.0.0.0' }),
  };
}
