import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256Hex, withLogin } from '#access';
import { joinAnswer, nodeManifest, thumbprint } from '#contracts';
import { WatershedError } from '#errors';
import { addSignature, createPrivateFile, documentTyp, loadOrCreateSigil, type Sigil } from '#sigil';

/**
 * What an operator hands to whoever runs a node: the gateway, a ticket, and the manifest as they signed it. It lets in
 * the one key that it names, so it is a secret until it is used and of no use to anybody else.
 */
export const joinFile = z.strictObject({
  type: z.literal('watershed/join'),
  gatewayUrl: z.url(),
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
 * starts with. Throws the gateway's refusal, `no_node_available` where no gateway answers, `conflict` where the file was
 * made for another key than this folder's.
 */
export async function joinCluster(options: {
  readonly file: JoinFile;
  readonly dataDir: string;
  readonly name: string;
}): Promise<Readonly<Record<string, string>>> {
  const { file, dataDir, name } = options;
  const { manifest } = file;
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
    const answer = await ask(file, {
      ticket: file.ticket,
      manifest: complete,
      redisPasswordSha256: sha256Hex(password),
    });
    const redisUrl = withLogin(answer.redisUrl, sigil.thumbprint, password);
    const { clusterId, authority } = answer;
    await createPrivateFile(kept, `${JSON.stringify({ clusterId, redisUrl, authority })}\n`);
    await rm(chosen, { force: true });
  }
  const login = keptLogin.parse(JSON.parse(readFileSync(kept, 'utf8')));
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
    ...(manifest.url ? { [`${prefix}_PUBLIC_URL`]: manifest.url, [`${prefix}_PORT`]: portOf(manifest.url) } : {}),
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

/** The password that this node has chosen: on the disk before the cluster hears of it. */
async function writtenPassword(file: string): Promise<string> {
  await createPrivateFile(file, `${JSON.stringify({ password: randomBytes(32).toString('base64url') })}\n`);
  return joining.parse(JSON.parse(readFileSync(file, 'utf8'))).password;
}

const portOf = (url: string): string => {
  const { port, protocol } = new URL(url);
  return port || (protocol === 'https:' ? '443' : '80');
};

async function ask(file: JoinFile, body: object): Promise<z.infer<typeof joinAnswer>> {
  let response: Response;
  try {
    response = await fetch(new URL('/v1/join', file.gatewayUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
  } catch (cause) {
    throw new WatershedError('no_node_available', `No gateway answers at ${file.gatewayUrl}.`, { cause });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return joinAnswer.parse(answer);
  const problem = z.object({ code: z.string(), detail: z.string() }).safeParse(answer);
  const told = problem.success ? `${problem.data.detail} (${problem.data.code})` : `it answered ${response.status}`;
  throw new WatershedError('conflict', `The cluster did not let this node in: ${told}`);
}
