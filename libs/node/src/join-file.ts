import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256Hex, withLogin } from '#access';
import { InternalNetwork } from '#config';
import { joinAnswer, nodeManifest, sha256, thumbprint } from '#contracts';
import { WatershedError } from '#errors';
import { addSignature, createPrivateFile, documentTyp, loadOrCreateSigil, type Sigil } from '#sigil';

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
 * starts with. Throws the gateway's refusal, `no_node_available` where no gateway answers, `connection_untrusted` where the
 * ticket would go in plain text or to another certificate than the file names, `conflict` where the file was made for
 * another key than this folder's.
 */
export async function joinCluster(options: {
  readonly file: JoinFile;
  readonly dataDir: string;
  readonly name: string;
  /** Where plain text may travel; on this machine alone when absent. */
  readonly network?: InternalNetwork;
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
    const answer = await ask(file, options.network ?? new InternalNetwork(), {
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

/** Asks the gateway by its certificate: who holds the ticket meanwhile must not learn it, nor answer in its place. */
async function ask(file: JoinFile, network: InternalNetwork, body: object): Promise<z.infer<typeof joinAnswer>> {
  const { gatewayUrl, gatewayFingerprint } = file;
  const url = new URL('/v1/join', gatewayUrl);
  if (url.protocol !== 'https:' && !network.has(url.hostname)) {
    throw untrusted(
      `The join file names ${gatewayUrl}: the ticket would travel in plain text. Ask for one with an https address.`,
    );
  }
  // Loaded for the one request of a node's life.
  const [{ request }, { agentFor, UnexpectedCertificateError }] = await Promise.all([import('undici'), import('#tls')]);
  const dispatcher = agentFor(gatewayFingerprint);
  let status: number;
  let answer: unknown;
  try {
    const response = await request(url, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    status = response.statusCode;
    answer = await response.body.json().catch(() => undefined);
  } catch (cause) {
    if (cause instanceof UnexpectedCertificateError || isUnverified(cause))
      throw untrusted(
        `What answers at ${gatewayUrl} does not show the gateway's certificate: the ticket was not sent.`,
        cause,
      );
    throw new WatershedError('no_node_available', `No gateway answers at ${gatewayUrl}.`, { cause });
  } finally {
    await dispatcher.destroy();
  }
  if (status >= 200 && status < 300) return joinAnswer.parse(answer);
  const problem = z.object({ code: z.string(), detail: z.string() }).safeParse(answer);
  const told = problem.success ? `${problem.data.detail} (${problem.data.code})` : `it answered ${status}`;
  throw new WatershedError('conflict', `The cluster did not let this node in: ${told}`);
}

const untrusted = (message: string, cause?: unknown) => new WatershedError('connection_untrusted', message, { cause });

/** What Node says of a certificate that no authority vouches for, that is another host's, or over. */
const isUnverified = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  /^(ERR_TLS_CERT|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/.test(String(error.code));
