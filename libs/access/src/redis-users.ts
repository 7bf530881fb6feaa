import type { Redis } from 'ioredis';
import { redisPlace } from '#config';
import { type NodeLogin, nodeAclRules } from './node-acl.js';

/** Why this login cannot give every node a user of its own; a sentence for the operator. */
export interface Unmanaged {
  readonly managed: false;
  readonly reason: string;
}
export type Management = { readonly managed: true } | Unmanaged;

/** A user that nobody can log in with: made and removed to find out what this login may do and this server knows. */
const trialUser = 'watershed-acl-trial';
const commandTimeoutMs = 3_000;

/** The Redis users of one cluster's nodes, by the one login that may manage them. */
export class RedisUsers {
  private constructor(
    private readonly redis: Redis,
    private readonly clusterId: string,
  ) {}

  /**
   * Connects, and stays connected: `onReady` is told of every new connection with the server's `run_id`, because users
   * made at run time are gone after a restart. ioredis is loaded here and not before: most processes need none of it.
   */
  static async connect(
    adminUrl: string,
    clusterId: string,
    onReady: (users: RedisUsers, runId: string) => void = () => undefined,
  ): Promise<RedisUsers> {
    const { Redis: Client } = await import('ioredis');
    const redis = new Client({
      ...redisPlace(adminUrl),
      lazyConnect: true,
      maxRetriesPerRequest: 3,
      commandTimeout: commandTimeoutMs,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times - 1, 4), 500),
    });
    // Told through the commands that fail, and below: why a first connection failed stands in no other place.
    let reason: unknown;
    redis.on('error', (error) => {
      reason = error;
    });
    const users = new RedisUsers(redis, clusterId);
    redis.on('ready', () => {
      users.runId().then(
        (runId) => onReady(users, runId),
        () => undefined, // lost again while asking: the next connection asks anew
      );
    });
    try {
      await redis.connect();
    } catch (error) {
      redis.disconnect();
      throw reason ?? error;
    }
    return users;
  }

  /** Whether this login may manage users and the server knows selectors. Answers why not. */
  async management(): Promise<Management> {
    try {
      await this.redis.call('ACL', 'SETUSER', trialUser, 'reset', 'off', '(resetchannels +publish &trial:*)');
      await this.redis.call('ACL', 'DELUSER', trialUser);
      return { managed: true };
    } catch (error) {
      const text = error instanceof Error ? error.message : '';
      if (text.startsWith('NOPERM')) return { managed: false, reason: 'its login may not manage users (ACL)' };
      if (/^ERR|unknown command/i.test(text)) {
        return { managed: false, reason: 'it knows no users with selectors (Redis or Valkey 7 does)' };
      }
      throw error;
    }
  }

  /** Makes these users and no others of this cluster: who is not listed any more is removed and cut off. */
  async rebuild(logins: readonly NodeLogin[]): Promise<void> {
    const wanted = new Set(logins.map(({ nodeId }) => nodeId));
    const batch = this.redis.pipeline();
    for (const login of logins) batch.call('ACL', 'SETUSER', login.nodeId, ...nodeAclRules(this.clusterId, login));
    for (const nodeId of await this.names()) if (!wanted.has(nodeId)) batch.call('ACL', 'DELUSER', nodeId);
    for (const [error] of (await batch.exec()) ?? []) if (error) throw error;
  }

  async put(login: NodeLogin): Promise<void> {
    await this.redis.call('ACL', 'SETUSER', login.nodeId, ...nodeAclRules(this.clusterId, login));
  }

  /** The user is gone, and Redis ends its connections with it. A user that there is not is removed already. */
  async remove(nodeId: string): Promise<void> {
    await this.redis.call('ACL', 'DELUSER', nodeId);
  }

  /** Users of this cluster that the server has now, known by the channels they may use. */
  async names(): Promise<string[]> {
    const listed = (await this.redis.call('ACL', 'LIST')) as string[];
    const mark = `&${this.clusterId}:all:*`;
    return listed.filter((line) => line.includes(mark)).map((line) => line.split(' ')[1] ?? '');
  }

  /** Changes with every start of the server. */
  async runId(): Promise<string> {
    const info = await this.redis.info('server');
    return /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
  }

  close(): void {
    this.redis.disconnect();
  }
}
