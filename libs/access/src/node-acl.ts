import type { ServiceName } from '#contracts';

/** What one node's Redis user is made of. */
export interface NodeLogin {
  /** The user's name. */
  readonly nodeId: string;
  readonly services: readonly ServiceName[];
  /** SHA-256 of the password, lower-case hex: the password itself is known to the node alone. */
  readonly passwordSha256: string;
}

/** Every key of the index lies under it; `instances` in it may be read by all nodes. */
const indexKeys = (clusterId: string): string => `${clusterId}:index:*`;
const indexInstances = (clusterId: string): string => `${clusterId}:index:instances`;
/** Prefix of an app's BullMQ queues; `#queues` writes them. */
const queueKeys = (clusterId: string, app: string): string => `{${clusterId}:${app}}:*`;

/** What BullMQ needs on its own keys, and nothing that reads beyond them: SCAN and its kin know no key patterns. */
const queueCommands = [
  ...['+@read', '+@write', '-@dangerous', '-scan', '-randomkey', '-dbsize', '-function', '-fcall', '-fcall_ro'],
  ...['+eval', '+evalsha', '+multi', '+exec', '+discard'],
];
const presenceCommands = [
  ...['+eval', '+evalsha', '+time'],
  ...['+zadd', '+zrem', '+zrange', '+zremrangebyscore', '+pexpire', '+get', '+set', '+del'],
];

/** Keys and commands of a service beyond what every node has. Who is not named has no key at all: a runner above all. */
const keysOf: Partial<Record<ServiceName, (clusterId: string) => readonly string[]>> = {
  index: (clusterId) => [`~${indexKeys(clusterId)}`, ...presenceCommands],
  orchestrator: (clusterId) => [`~${queueKeys(clusterId, 'compute')}`, ...queueCommands],
};

/**
 * The rules of `ACL SETUSER` for one node (Redis or Valkey ≥ 7: selectors). It listens to what is addressed to it and to
 * broadcasts, publishes only as itself, reads who the index instances are, and has the keys of its services. Whatever it
 * had before is replaced in one step. A pattern's `*` spans the separator, so channels with another count of segments
 * pass here; the receiver drops them.
 */
export function nodeAclRules(clusterId: string, { nodeId, services, passwordSha256 }: NodeLogin): string[] {
  const selectors = services.flatMap((service) => {
    const rules = keysOf[service]?.(clusterId);
    return rules ? [`(resetchannels ${rules.join(' ')})`] : [];
  });
  return [
    ...['reset', 'resetchannels', 'on', `#${passwordSha256}`],
    // INFO and TIME: a client's own check that Redis has loaded, and the clock that presence is written by.
    ...['+psubscribe', '+punsubscribe', '+ping', '+quit', '+info', '+time'],
    ...[`&${clusterId}:${nodeId}:*`, `&${clusterId}:all:*`],
    `(resetchannels +publish &${clusterId}:*:${nodeId}:*)`,
    `(resetchannels %R~${indexInstances(clusterId)} +zrangebyscore)`,
    ...selectors,
  ];
}
