import { CertificateError, readCertificate } from '#tls';
import { believeOnly } from '../gateway-place.js';
import { StartError } from './start.errors.js';

/**
 * Has this process believe the gateway that it starts, by the certificate that it gives it; answers the fingerprint. Throws
 * StartError `usage` where that is none to show.
 */
export async function believeOwnGateway({
  GATEWAY_TLS_CERT_FILE = '',
  GATEWAY_TLS_KEY_FILE = '',
}: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { fingerprint } = readCertificate(GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE || GATEWAY_TLS_CERT_FILE);
    await believeOnly({ fingerprint });
    return fingerprint;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new StartError('usage', `GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE ${error.message}.`);
  }
}
