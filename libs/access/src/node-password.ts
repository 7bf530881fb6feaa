import { createHash, createHmac } from 'node:crypto';

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Passwords of the nodes of one machine, derived from one secret file of at least 32 bytes, as its launcher does. */
export function derivedNodePasswords(secret: Uint8Array): (store: 'redis' | 'postgres', nodeId: string) => string {
  if (secret.byteLength < 32) throw new RangeError('the secret that node passwords derive from needs 32 bytes');
  return (store, nodeId) =>
    createHmac('sha256', secret).update(`watershed/node/${store}/${nodeId}`).digest('base64url');
}

/** `url` with this user and password in place of whatever it had. */
export function withLogin(url: string, user: string, password: string): string {
  const changed = new URL(withoutLogin(url));
  changed.username = encodeURIComponent(user);
  changed.password = encodeURIComponent(password);
  return changed.href;
}

/** `url` without any credentials: what may be told to a node that has its own. */
export function withoutLogin(url: string): string {
  const changed = new URL(url);
  changed.username = '';
  changed.password = '';
  // Postgres's clients take them from there, too, and before those of the place where they belong.
  for (const name of ['user', 'password']) if (changed.searchParams.has(name)) changed.searchParams.delete(name);
  return changed.href;
}
