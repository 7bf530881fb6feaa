import { setTimeout as delay } from 'node:timers/promises';
import { type NodeLogin, RedisUsers, withoutLogin } from '#access';
import { withoutLocalPaths } from '#config';
import type { RedisLogins } from './engine/access.ports.js';

export interface RedisLoginsOptions {
  /** The login that manages users; absent: the nodes share one. */
  readonly adminUrl: string | undefined;
  /** Where nodes reach Redis, when not where governance does. */
  readonly publicUrl: string | undefined;
  readonly clusterId: string;
}

/** The cluster's Redis users, or why there are none. */
export class RedisLoginsAdapter implements RedisLogins {
  private users: RedisUsers | undefined;
  private reason = 'no login that manages users was named';

  constructor(private readonly options: RedisLoginsOptions) {}

  get unmanaged(): string | undefined {
    return this.users ? undefined : this.reason;
  }

  get url(): string {
    return withoutLocalPaths(withoutLogin(this.options.publicUrl ?? this.options.adminUrl ?? ''));
  }

  /**
   * `onReady` is called now and whenever Redis has restarted, for it then has forgotten its users; until it succeeds, for
   * without their users no node can do anything. `onError` hears what failed in between.
   */
  async open(onReady: () => Promise<void>, onError: (error: unknown) => void): Promise<void> {
    const { adminUrl, clusterId } = this.options;
    if (adminUrl === undefined) return;
    let known = '';
    let newest = '';
    const again = async (runId: string): Promise<void> => {
      newest = runId;
      for (let attempt = 0; this.users && newest === runId && runId !== known; attempt++) {
        try {
          await onReady();
          known = runId;
        } catch (error) {
          onError(error);
          await delay(Math.min(1_000, 50 * 2 ** attempt), undefined, { ref: false });
        }
      }
    };
    const users = await RedisUsers.connect(adminUrl, clusterId, (_users, runId) => void again(runId));
    const management = await users.management();
    if (!management.managed) {
      this.reason = management.reason;
      users.close();
      return;
    }
    const runId = await users.runId();
    this.users = users;
    await onReady();
    known = runId;
  }

  async put(login: NodeLogin): Promise<void> {
    await this.users?.put(login);
  }

  async remove(nodeId: string): Promise<void> {
    await this.users?.remove(nodeId);
  }

  async rebuild(logins: readonly NodeLogin[]): Promise<void> {
    await this.users?.rebuild(logins);
  }

  async present(): Promise<readonly string[]> {
    try {
      return (await this.users?.names()) ?? [];
    } catch (error) {
      // The right was taken from it since: then it sees none, and can make none.
      if (error instanceof Error && error.message.startsWith('NOPERM')) return [];
      throw error;
    }
  }

  close(): void {
    this.users?.close();
    this.users = undefined;
  }
}
