import type { NodeLogin } from '#access';
import type { DatabaseApp, ServiceName } from '#contracts';

/** What whoever decides on memberships needs of access: nothing else of it. */
export interface AccessPort {
  /**
   * Shuts a node out: its Redis user and Postgres login are gone and their connections ended, its unused tickets void,
   * when this resolves. Repeated: nothing more. Throws where Redis or Postgres cannot be reached; then it is to be
   * called again (the announcement of an expulsion does so, from the outbox).
   */
  revoke(nodeId: string): Promise<void>;
  /** Gives a node that was taken back its logins again. One that never had any is left as it is. */
  restore(nodeId: string): Promise<void>;
}

/** A node's logins. */
export interface AccessRecord {
  readonly nodeId: string;
  readonly operatorId: string;
  readonly services: readonly ServiceName[];
  readonly redisPasswordSha256: string;
  /** Its login in Postgres, where its services own tables. */
  readonly databaseLogin: string | undefined;
  readonly state: 'active' | 'revoked';
}

export interface Ticket {
  readonly ticketSha256: string;
  readonly nodeId: string;
  readonly services: readonly ServiceName[];
  readonly issuedBy: string;
  readonly expiresInSeconds: number;
}

/** A login in Postgres to be opened, with the verifier of the password that its node chose. */
export interface DatabaseOpening {
  readonly app: DatabaseApp;
  readonly login: string;
  readonly verifier: string;
}

/** Why a ticket lets nobody in. */
export type TicketRefusal = 'unknown' | 'used' | 'expired' | 'mismatch';

export interface AccessStore {
  records(): Promise<readonly AccessRecord[]>;
  record(nodeId: string): Promise<AccessRecord | undefined>;
  /** Answers when it expires, by the database's clock. A hash that is kept already stays as it is. */
  keepTicket(ticket: Ticket): Promise<Date>;
  /**
   * Uses the ticket up, writes the record, opens the login and runs `effects`, in one transaction: all of it or nothing. Of two that come
   * with one ticket the second finds it used; where it came `with` the same as the first and the record still stands as it
   * left it, nothing is done and nothing refused, until the ticket expires.
   */
  redeem(
    used: { readonly ticketSha256: string; readonly with: string },
    record: AccessRecord,
    opening: DatabaseOpening | undefined,
    effects: () => Promise<void>,
  ): Promise<TicketRefusal | undefined>;
  /** Moves a record, and voids the node's unused tickets where it is revoked. Undefined where it has none. */
  move(nodeId: string, state: AccessRecord['state']): Promise<AccessRecord | undefined>;
}

/** The cluster's Redis users; `unmanaged` is why there are none. */
export interface RedisLogins {
  readonly unmanaged: string | undefined;
  /** Where nodes reach Redis; without credentials. */
  readonly url: string;
  put(login: NodeLogin): Promise<void>;
  remove(nodeId: string): Promise<void>;
  rebuild(logins: readonly NodeLogin[]): Promise<void>;
  /** The nodes that have a user now; none where users cannot be managed. */
  present(): Promise<readonly string[]>;
}

export interface DatabaseLogins {
  /** Where nodes reach Postgres; without credentials. */
  readonly url: string;
  loginOf(app: DatabaseApp, nodeId: string): Promise<string>;
  /** The login is refused and its connections are gone when this resolves. */
  close(login: string): Promise<void>;
  reopen(login: string): Promise<void>;
}
