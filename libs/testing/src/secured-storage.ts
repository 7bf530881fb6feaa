import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { withoutLocalPaths } from '#config';
import { freePort, startPostgres, startRedis } from '#local-services';
import { migrationsFolder } from '#persistence';
import { selfSignedCertificate } from '#tls';

const dayMs = 86_400_000;

/** A certificate in files, as an operator would have it. Who trusts it names it as the authority. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate shown at `hosts`, from a day ago until `daysLeft` days from now. */
export function certificateFiles(folder: string, hosts: readonly string[], daysLeft = 1): CertificateFiles {
  const at = Date.now();
  const made = selfSignedCertificate({
    name: 'watershed tests',
    hosts,
    notBefore: new Date(at - 2 * dayMs),
    notAfter: new Date(at + daysLeft * dayMs),
  });
  const own = mkdtempSync(join(folder, 'certificate-'));
  const files = { certFile: join(own, 'cert.pem'), keyFile: join(own, 'key.pem') };
  writeFileSync(files.certFile, made.cert);
  writeFileSync(files.keyFile, made.key, { mode: 0o600 });
  return files;
}

export interface SecuredServer {
  /** With the administrator's login, by TLS; who vouches for the server is for its reader to say. */
  readonly url: string;
  /** Shows another certificate to whoever connects from now on. */
  show(certificate: CertificateFiles): Promise<void>;
  stop(): Promise<void>;
}

const scratchFolder = (name: string): string => mkdtempSync(join(tmpdir(), `watershed-${name}-`));

/** A Redis that speaks TLS and nothing else. */
export async function securedRedis(certificate: CertificateFiles): Promise<SecuredServer> {
  const folder = scratchFolder('tls-redis');
  const password = 'tests';
  const server = await startRedis({
    folder,
    // The cache that npm start keeps its private copy in.
    cacheFolder: join(dirname(dirname(migrationsFolder())), '.watershed', 'cache'),
    port: await freePort(),
    password,
    logFile: join(folder, 'redis.log'),
    persist: false,
    scratchFolder: folder,
  });
  const port = await freePort();
  // Stays open: the plain port is about to close.
  const admin = new Redis(server.url, { retryStrategy: () => null });
  admin.on('error', () => undefined);
  const show = async ({ certFile, keyFile }: CertificateFiles) => {
    await admin.config('SET', 'tls-cert-file', certFile, 'tls-key-file', keyFile);
  };
  await show(certificate);
  await admin.config('SET', 'tls-auth-clients', 'no', 'tls-port', String(port), 'port', '0');
  return {
    url: `rediss://:${password}@127.0.0.1:${port}`,
    show,
    async stop() {
      admin.disconnect();
      await server.stop();
    },
  };
}

/** A Postgres that speaks TLS to whoever asks for it. */
export async function securedPostgres(certificate: CertificateFiles): Promise<SecuredServer> {
  const folder = scratchFolder('tls-postgres');
  const server = await startPostgres({
    folder: join(folder, 'data'),
    port: await freePort(),
    password: 'tests',
    logFile: join(folder, 'postgres.log'),
    scratchFolder: folder,
  });
  const show = async ({ certFile, keyFile }: CertificateFiles) => {
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    for (const [name, value] of Object.entries({ ssl_cert_file: certFile, ssl_key_file: keyFile, ssl: 'on' }))
      await admin.query(`ALTER SYSTEM SET ${name} = ${pg.escapeLiteral(value)}`);
    await admin.query('SELECT pg_reload_conf()');
    await admin.end();
  };
  await show(certificate);
  // By its socket it speaks no TLS.
  return { url: `${withoutLocalPaths(server.url)}?sslmode=verify-full`, show, stop: () => server.stop() };
}
