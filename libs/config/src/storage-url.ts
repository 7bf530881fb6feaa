import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { ConfigProblem } from './config.errors.js';
import { InternalNetwork, internalNetwork } from './internal-network.js';
import { Secret } from './secret.js';

export type StorageKind = 'redis' | 'postgres';

/** The address of a Redis or Postgres with its login. `parseEnv` lets none through that would travel in plain text. */
export class StorageUrl extends Secret {
  constructor(
    value: string,
    readonly kind: StorageKind,
  ) {
    super(value);
  }
}

const storageUrl = (kind: StorageKind) =>
  z
    .string()
    .min(1)
    .transform((value) => new StorageUrl(value, kind));

/** Schema of a Redis: `redis://` on this machine or the internal network, `rediss://` everywhere. */
export const redisUrl = () => storageUrl('redis');
/** Schema of a Postgres: off this machine and the internal network with `sslmode=verify-full`. */
export const postgresUrl = () => storageUrl('postgres');

/** What decides whether a storage may be spoken to in plain text, and whom to believe where it may not. */
export const transportEnvShape = {
  /** Host names, addresses and ranges beside this machine where nobody else can listen, separated by commas. */
  WATERSHED_INTERNAL_NETWORK: internalNetwork(),
  /** Authorities (PEM) that vouch for Redis and Postgres; those that Node knows when absent. */
  WATERSHED_CA_FILE: z.string().min(1).optional(),
};
const transportEnv = z.object(transportEnvShape);

/** As libpq calls it; the same member names the authority of a `rediss://` URL. */
const authorityParameter = 'sslrootcert';
/** Names a socket of this machine in a Redis URL, as `host` may in Postgres's. */
const socketParameter = 'socket';

/**
 * `url` as clients take it: with the file of the authority that vouches for the server, where it speaks TLS. Answers what
 * is wrong with it for the operator, never the value.
 */
function settled(url: StorageUrl, network: InternalNetwork, caFile: string | undefined): StorageUrl | string {
  let parsed: URL;
  // Postgres's clients let a parameter name another host than the address does, and the environment one where neither does.
  let hosts: string[];
  try {
    parsed = new URL(url.reveal());
    hosts = [parsed.hostname, ...parsed.searchParams.getAll('host')].map((host) => decodeURIComponent(host));
  } catch {
    return 'must be a URL';
  }
  const { searchParams } = parsed;
  const problem = url.kind === 'redis' ? socketProblem(parsed, network) : undefined;
  if (problem !== undefined) return problem;
  if (!speaksTls(url.kind, parsed)) {
    if (url.kind === 'postgres' && parsed.protocol !== 'socket:' && !hosts.some(Boolean)) return 'must name a host';
    if (parsed.protocol === 'socket:' || hosts.every((host) => network.has(host))) return url;
    const secured = url.kind === 'redis' ? 'rediss://' : '?sslmode=verify-full';
    return `leads off this machine in plain text: use ${secured}, or name its host in WATERSHED_INTERNAL_NETWORK where nobody else can listen`;
  }
  if (caFile !== undefined && !searchParams.has(authorityParameter)) searchParams.set(authorityParameter, caFile);
  const authority = searchParams.get(authorityParameter);
  if (authority !== null && !canRead(authority)) return 'names an authority (WATERSHED_CA_FILE) that cannot be read';
  return new StorageUrl(parsed.href, url.kind);
}

/**
 * What goes by a socket never leaves the machine. The host beside it is judged all the same: it is what nodes elsewhere are
 * told, and where a client leads that knows no sockets.
 */
function socketProblem({ protocol, hostname, searchParams }: URL, network: InternalNetwork): string | undefined {
  const sockets = searchParams.getAll(socketParameter);
  if (sockets.length === 0) return undefined;
  if (sockets.some((path) => !path.startsWith('/'))) return 'must name its socket by an absolute path';
  if (protocol === 'rediss:') return 'names a socket, which speaks no TLS: use redis://';
  return network.has(hostname) ? undefined : 'names a socket beside a host elsewhere: use redis://localhost?socket=…';
}

function speaksTls(kind: StorageKind, url: URL): boolean {
  if (kind === 'redis') return url.protocol === 'rediss:';
  const modes = url.searchParams.getAll('sslmode');
  return modes.length === 1 && modes[0] === 'verify-full';
}

function canRead(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Settings with every storage URL in them as clients take it, and what is wrong with those that may not be used. */
export function settleStorageUrls(
  settings: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): { readonly settings: Readonly<Record<string, unknown>>; readonly problems: readonly ConfigProblem[] } {
  const urls = Object.entries(settings).filter((each): each is [string, StorageUrl] => each[1] instanceof StorageUrl);
  if (urls.length === 0) return { settings, problems: [] };
  const transport = transportEnv.safeParse(given);
  const network = transport.data?.WATERSHED_INTERNAL_NETWORK ?? new InternalNetwork();
  const outcomes = urls.map(([variable, url]) => ({
    variable,
    outcome: settled(url, network, transport.data?.WATERSHED_CA_FILE),
  }));
  const changed = outcomes.flatMap(({ variable, outcome }) =>
    typeof outcome === 'string' ? [] : [[variable, outcome]],
  );
  return {
    settings: { ...settings, ...Object.fromEntries(changed) },
    problems: outcomes.flatMap(({ variable, outcome }) =>
      typeof outcome === 'string' ? [{ variable, message: outcome }] : [],
    ),
  };
}

/** Where a client connects: to the socket where there is one. */
export interface StoragePlace {
  readonly host: string;
  readonly port: number;
  /** A socket's. */
  readonly path?: string;
}

/** A Redis URL as connection options. */
export interface RedisPlace extends StoragePlace {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  /** There where it speaks TLS. */
  readonly tls?: { readonly ca?: string; readonly servername?: string };
}

const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');

/** Where a Redis URL leads and how. Reads the file of the authority that it names; throws where there is none. */
export function redisPlace(redisUrl: string): RedisPlace {
  const url = new URL(redisUrl);
  const host = withoutBrackets(url.hostname);
  const authority = url.searchParams.get(authorityParameter);
  const path = url.searchParams.get(socketParameter);
  const db = Number(url.pathname.slice(1));
  const tls = {
    ...(authority === null ? {} : { ca: readFileSync(authority, 'utf8') }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  return {
    host,
    port: url.port ? Number(url.port) : 6379,
    ...(path ? { path } : {}),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    ...(Number.isInteger(db) && db > 0 ? { db } : {}),
    ...(url.protocol === 'rediss:' ? { tls } : {}),
  };
}

/** Where a Postgres URL leads, as its clients read it: a parameter before the address, a folder as that of the socket. */
export function postgresPlace(postgresUrl: string): StoragePlace {
  const url = new URL(postgresUrl);
  const named = (name: string): string | undefined => url.searchParams.getAll(name).at(-1) || undefined;
  const address = url.protocol === 'socket:' ? url.pathname : withoutBrackets(url.hostname);
  const host = named('host') ?? decodeURIComponent(address);
  const port = Number(named('port') ?? (url.port || 5432));
  return { host, port, ...(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : {}) };
}

/** `url` without the files of this machine that it names, authority and socket: for others, who have neither. */
export function withoutLocalPaths(url: string): string {
  const changed = new URL(url);
  const { searchParams } = changed;
  for (const name of [authorityParameter, socketParameter]) searchParams.delete(name);
  if (searchParams.getAll('host').at(-1)?.startsWith('/')) searchParams.delete('host');
  // The folder of a socket in the address's own place: no host stands beside it.
  if (decodeURIComponent(changed.hostname).startsWith('/')) changed.hostname = 'localhost';
  return changed.href;
}
