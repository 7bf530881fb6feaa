import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { ServiceName } from '#contracts';
import { type Check, type CheckContext, fine, fineForNow, wrong } from './check.js';
import { processesOf, scrape } from './metric-checks.js';

/** A certificate that is shown somewhere, and when it ends. */
interface CertificateSeen {
  readonly who: string;
  readonly endsAtMs: number;
}

interface NodeRow {
  readonly manifest: { readonly services: readonly ServiceName[]; readonly url?: string };
  readonly health: string;
}

const dayMs = 86_400_000;
/** As the rule WatershedCertificateEnding has it. */
const noticeDays = 30;

/** What the processes of this machine, or of the stack, say that they show. */
async function told(context: CheckContext): Promise<CertificateSeen[]> {
  if (!context.stack && !existsSync(join(context.dataFolder, 'running.json'))) return [];
  return (await scrape(processesOf(context))).flatMap(({ samples }) =>
    samples
      .filter(({ name }) => name === 'watershed_certificate_expiry_timestamp_seconds')
      .map(({ labels, value }) => ({ who: labels.service ?? '', endsAtMs: value * 1_000 })),
  );
}

/** When the certificate ends that is shown at an address; undefined where none is, or nothing answers from here. */
export function shownAt(url: string): Promise<number | undefined> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return Promise.resolve(undefined);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(isIP(host) ? {} : { servername: host }),
      // Nothing is sent: one that nobody believes any more is what is looked for.
      rejectUnauthorized: false,
    });
    const end = (endsAtMs?: number) => {
      socket.destroy();
      resolve(endsAtMs);
    };
    socket.setTimeout(5_000, () => end());
    socket.once('error', () => end());
    socket.once('secureConnect', () => {
      const shown = socket.getPeerX509Certificate();
      end(shown && Date.parse(shown.validTo));
    });
  });
}

/** What is shown at the gateway's address, which may be a proxy's, and at the addresses of nodes, also of other machines. */
async function looked({ url, api }: CheckContext): Promise<CertificateSeen[]> {
  // The gateway itself may be what is not believed; what it would say is then left out.
  const nodes = await api.all<NodeRow>('/v1/nodes').catch(() => []);
  const places = [
    { who: 'gateway', url },
    ...nodes
      .filter(({ health }) => health === 'alive' || health === 'suspect')
      .map(({ manifest }) => ({ who: manifest.services.join(), url: manifest.url ?? '' })),
  ].filter((place) => place.url.startsWith('https:'));
  const found = await Promise.all(
    places.map(async (place) => ({ who: place.who, endsAtMs: await shownAt(place.url) })),
  );
  return found.flatMap(({ who, endsAtMs }) => (endsAtMs === undefined ? [] : [{ who, endsAtMs }]));
}

async function seen(context: CheckContext): Promise<readonly CertificateSeen[]> {
  const all = (await Promise.all([told(context), looked(context)])).flat();
  // One certificate is both told of and looked at.
  return [...new Map(all.map((each) => [`${each.who} ${each.endsAtMs}`, each])).values()].sort(
    (one, other) => one.endsAtMs - other.endsAtMs,
  );
}

const daysLeft = ({ endsAtMs }: CertificateSeen): number => Math.floor((endsAtMs - Date.now()) / dayMs);
const named = (certificates: readonly CertificateSeen[]): string =>
  certificates.map((each) => `${each.who} ${daysLeft(each)} days`).join(', ');
const renewal = 'put a new one in place of its files and restart what shows it (docs/operations.md)';

/** When certificates end: those that have, and those that will before anybody may look again. */
export function certificateChecks(context: CheckContext): Check[] {
  let looking: Promise<readonly CertificateSeen[]> | undefined;
  const found = () => {
    looking ??= seen(context);
    return looking;
  };
  return [
    {
      name: 'certificates',
      alert: 'WatershedCertificateExpired',
      run: async () => {
        const all = await found();
        const over = all.filter(({ endsAtMs }) => endsAtMs <= Date.now());
        if (over.length > 0)
          return wrong(
            over
              .map(({ who, endsAtMs }) => `that of ${who} ended on ${new Date(endsAtMs).toISOString().slice(0, 10)}`)
              .join(', '),
            renewal,
          );
        return fine(all.length === 0 ? 'none is shown: nothing here speaks TLS itself' : `${named(all)} left`);
      },
    },
    {
      name: 'renewal',
      alert: 'WatershedCertificateEnding',
      needs: 'certificates',
      run: async () => {
        const near = (await found()).filter((each) => daysLeft(each) < noticeDays);
        return near.length === 0
          ? fine(`nothing ends within ${noticeDays} days`)
          : fineForNow(`${named(near)} left`, renewal);
      },
    },
  ];
}
