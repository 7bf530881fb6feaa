import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Agent, buildConnector } from 'undici';
import { fingerprintOf, outsideItsTime } from './server-certificate.js';

/** Another certificate than the one that was named, or none that was: nothing was sent. */
export class UnexpectedCertificateError extends Error {
  override readonly name = 'UnexpectedCertificateError';
  readonly code = 'certificate_unexpected';
}

/**
 * Connects undici to a server that shows the certificate with this fingerprint (asked for at every connection; undefined:
 * none is believed). No authority is asked: who named the fingerprint vouches for it. Judged before the first byte of a
 * request is written.
 */
export function pinnedConnector(
  fingerprint: () => string | undefined,
  now: () => Date = () => new Date(),
): buildConnector.connector {
  // A resumed session would show the certificate of an earlier connection.
  const connect = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0 });
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error) return callback(error, null);
      const refusal = refusalOf(socket, fingerprint(), now());
      if (refusal === undefined) return callback(null, socket);
      socket.destroy();
      callback(new UnexpectedCertificateError(refusal), null);
    });
}

/**
 * An agent that speaks TLS to servers which show the certificate with this fingerprint, and to no others; absent: to those
 * whom the authorities that Node knows vouch for.
 */
export function agentFor(fingerprint?: string): Agent {
  if (fingerprint === undefined) return new Agent();
  const [pinned, plain] = [pinnedConnector(() => fingerprint), buildConnector({})];
  return new Agent({
    connect: (options, callback) => (options.protocol === 'https:' ? pinned : plain)(options, callback),
  });
}

function refusalOf(socket: Socket, expected: string | undefined, now: Date): string | undefined {
  if (expected === undefined) return 'No certificate of this server was named.';
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (!shown || fingerprintOf(shown) !== expected) return 'The server shows another certificate than the one named.';
  const problem = outsideItsTime(shown, now);
  return problem && `The server shows the certificate that was named, but that is ${problem}.`;
}
