import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { DatabaseApp } from '#contracts';

/** An app's password; the launcher derives it from a secret file, see `derivedPasswords`. */
export type PasswordFor = (app: DatabaseApp) => string;

/** The Postgres schema that only this app may touch: `pod-host` → `pod_host`. */
export function schemaOf(app: DatabaseApp): string {
  return app.replaceAll('-', '_');
}

/**
 * The role that holds an app's rights; nobody logs in as it. Roles belong to the whole server, hence the prefix of the
 * database.
 */
export function roleOf(rolePrefix: string, app: DatabaseApp): string {
  return `${rolePrefix}_${schemaOf(app)}`;
}

/** Which instance of an app a launcher starts: its node id. Where nobody says another, the app's name stands for it. */
export type InstanceOf = (app: DatabaseApp) => string;
export const onlyInstance: InstanceOf = (app) => app;

// Leaves room for the rest below 63 bytes; the hash holds the whole prefix.
const shownPrefix = 32;

/** The login of one instance of an app, which inherits the app's role and can be shut without touching another's. */
export function loginOf(rolePrefix: string, app: DatabaseApp, instance: string): string {
  const shown = Buffer.from(rolePrefix).subarray(0, shownPrefix).toString('latin1').replace(/[^\w]/g, '_');
  const hash = createHash('sha256').update(`${rolePrefix}\0${app}\0${instance}`).digest('hex');
  return `${shown}_i_${hash.slice(0, 24)}`;
}

// Postgres cuts identifiers at 63 bytes; `_governance` is the longest ending.
const longestPrefix = 63 - '_governance'.length;

/** The prefix of the roles of a database migrated for the first time: its name, shortened reversibly by a hash. */
export function rolePrefixFor(databaseName: string): string {
  if (Buffer.byteLength(databaseName) <= longestPrefix) return databaseName;
  const hash = createHash('sha256').update(databaseName).digest('hex').slice(0, 16);
  return `${Buffer.from(databaseName)
    .subarray(0, longestPrefix - 17)
    .toString('latin1')
    .replace(/[^\w]/g, '_')}_${hash}`;
}

/** Passwords by HMAC from one secret of at least 32 bytes, so that one file of mode 0600 is all a launcher keeps. */
export function derivedPasswords(secret: Uint8Array): PasswordFor {
  if (secret.byteLength < 32) throw new RangeError('the secret that database passwords derive from needs 32 bytes');
  return (app) => createHmac('sha256', secret).update(`watershed/postgres/${app}`).digest('base64url');
}

/** `adminUrl` with the login of one app's instance in place of the administrator's. */
export function appDatabaseUrl(
  adminUrl: string,
  app: DatabaseApp,
  login: { readonly rolePrefix: string; readonly passwordFor: PasswordFor; readonly instanceOf?: InstanceOf },
): string {
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(loginOf(login.rolePrefix, app, (login.instanceOf ?? onlyInstance)(app)));
  url.password = encodeURIComponent(login.passwordFor(app));
  return url.href;
}

/**
 * The SCRAM verifier (RFC 5803) that Postgres stores for a password. Computed here, because `ALTER ROLE … PASSWORD`
 * with the password itself would put it into the server's log. The salt derives from the role so that the same
 * password gives the same verifier and a restart changes nothing.
 */
export function scramVerifier(role: string, password: string): string {
  const iterations = 4096;
  const salt = createHash('sha256').update(`${role}\0${password}`).digest().subarray(0, 16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
