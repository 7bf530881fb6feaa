import { z } from 'zod';
import { ConfigError, type ConfigProblem } from './config.errors.js';
import type { InternalNetwork } from './internal-network.js';
import { settleStorageUrls, transportEnvShape } from './storage-url.js';

/** Environment variables as a process or a topology file gives them. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Settings out of an environment by a schema; throws ConfigError that lists every wrong variable at once. An empty
 * variable counts as absent, as shells and compose files write "unset" that way. No value is ever repeated: a secret
 * in the wrong variable must not end in a log. A Redis or Postgres off this machine and the internal network is refused
 * unless it is spoken to by TLS.
 */
export function parseEnv<Schema extends z.ZodType>(schema: Schema, env: Env, app: string): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) {
    const { settings, problems } = settleStorageUrls(parsed.data as Record<string, unknown>, given);
    if (problems.length > 0) throw new ConfigError(app, problems);
    return settings as z.output<Schema>;
  }
  throw new ConfigError(
    app,
    parsed.error.issues.map((issue) => problemOf(issue, given)),
  );
}

/** Where plain text may travel, for who is told no more of a cluster. Throws ConfigError. */
export function internalNetworkOf(env: Env): InternalNetwork {
  const { WATERSHED_INTERNAL_NETWORK } = transportEnvShape;
  return parseEnv(z.object({ WATERSHED_INTERNAL_NETWORK }), env, 'the network').WATERSHED_INTERNAL_NETWORK;
}

/**
 * Refuses an address that would be spoken to in plain text off this machine and the internal network. Throws ConfigError
 * that names the variable and does not repeat the address.
 */
export function refusePlain(app: string, variable: string, url: string | undefined, network: InternalNetwork): void {
  if (url === undefined || !network.exposes(url)) return;
  const message =
    'leads off this machine in plain text: use https://, or name its host in WATERSHED_INTERNAL_NETWORK where nobody else can listen';
  throw new ConfigError(app, [{ variable, message }]);
}

function problemOf(issue: z.core.$ZodIssue, given: Record<string, unknown>): ConfigProblem {
  const variable = issue.path.length === 0 ? '(together)' : issue.path.map(String).join('.');
  const first = issue.path[0];
  if (typeof first === 'string' && given[first] === undefined) return { variable, message: 'is missing' };
  return { variable, message: expectation(issue) };
}

/** What would be right. zod's own texts may quote the input, so only those known not to are passed on. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be a ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_format':
      return `must be a ${issue.format}`;
    case 'custom':
      return issue.message;
    default:
      return 'has a wrong value';
  }
}
