import { z } from 'zod';
import type { InternalNetwork } from '#config';
import { type JoinLogins, joinAnswer } from '#contracts';
import { WatershedError } from '#errors';

/** Of the gateway's answer: the largest authority that it may name, as JSON writes its lines, and what stands around it. */
const mostAnswerBytes = 128 * 1024;
const answerTimeoutMs = 15_000;

export interface JoinGateway {
  readonly gatewayUrl: string;
  readonly gatewayFingerprint: string | undefined;
  readonly network: InternalNetwork;
  readonly timeoutMs: number | undefined;
}

/**
 * Asks the gateway by its certificate: who holds the ticket meanwhile must not learn it, nor answer in its place. Throws
 * `connection_untrusted` before the ticket is sent, `no_node_available` where no answer comes in time, or none as a gateway
 * gives, `conflict` with the gateway's refusal.
 */
export async function askToJoin(gateway: JoinGateway, body: object): Promise<JoinLogins> {
  const { gatewayUrl, gatewayFingerprint, network, timeoutMs = answerTimeoutMs } = gateway;
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
  let text: string | undefined;
  try {
    const response = await request(url, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.statusCode;
    text = await boundedText(response.body);
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
  const answer = text === undefined ? undefined : jsonOf(text);
  if (status < 200 || status >= 300) {
    const problem = z.object({ code: z.string(), detail: z.string() }).safeParse(answer);
    const told = problem.success ? `${problem.data.detail} (${problem.data.code})` : `it answered ${status}`;
    throw new WatershedError('conflict', `The cluster did not let this node in: ${told}`);
  }
  const logins = joinAnswer.safeParse(answer);
  if (logins.success) return logins.data;
  throw new WatershedError('no_node_available', `What answers at ${gatewayUrl} does not answer as a gateway does.`);
}

/** A body's text; undefined where it is longer than a gateway's is, which is not read to its end. */
async function boundedText(body: AsyncIterable<Buffer>): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > mostAnswerBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const untrusted = (message: string, cause?: unknown) => new WatershedError('connection_untrusted', message, { cause });

/** What Node says of a certificate that no authority vouches for, that is another host's, or over. */
const isUnverified = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  /^(ERR_TLS_CERT|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/.test(String(error.code));
