import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where this machine's commands reach a gateway, and by which certificate they know it. */
export interface GatewayPlace {
  readonly url: string;
  /** SHA-256 of its certificate; absent where it speaks HTTP, or authorities vouch for it. */
  readonly fingerprint?: string;
}

export interface GatewayOptions {
  readonly url?: string | undefined;
  readonly port: string;
  readonly dataFolder: string;
  readonly fingerprint?: string | undefined;
}

interface Running {
  readonly port: number;
  readonly gatewayUrl: string;
  readonly gatewayFingerprint?: string;
}

/** A fingerprint as people have it at hand: in capitals with colons, or the whole line that OpenSSL prints. */
export const plainFingerprint = (text: string): string =>
  text
    .slice(text.indexOf('=') + 1)
    .trim()
    .replaceAll(':', '')
    .toLowerCase();

/** The gateway that is named, else the one of the cluster that runs on this folder, else whatever listens at the port. */
export function gatewayPlace({ url, port, dataFolder, fingerprint: given }: GatewayOptions): GatewayPlace {
  const fingerprint = given ? plainFingerprint(given) : undefined;
  if (url !== undefined) return { url: url.replace(/\/$/, ''), ...(fingerprint ? { fingerprint } : {}) };
  const file = join(dataFolder, 'running.json');
  const running = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Running) : undefined;
  if (running?.port !== Number(port)) return { url: `http://127.0.0.1:${port}` };
  const known = fingerprint ?? running.gatewayFingerprint;
  return { url: running.gatewayUrl, ...(known ? { fingerprint: known } : {}) };
}

/** From now on this command believes a server by this certificate alone. For a command's own process, never for a service. */
export async function believeOnly({ fingerprint }: Pick<GatewayPlace, 'fingerprint'>): Promise<void> {
  if (fingerprint === undefined) return;
  // Loaded where it is wanted: most commands speak to a gateway of this machine, and are called often.
  const [{ setGlobalDispatcher }, { agentFor }] = await Promise.all([import('undici'), import('#tls')]);
  setGlobalDispatcher(agentFor(fingerprint));
}
