import { judgeNodeAddress, sha256Hex } from '#access';
import type { NodeRanges } from '#config';
import {
  type JoinLogins,
  type Membership,
  type NodeManifest,
  type Operator,
  type ServiceName,
  serviceApps,
} from '#contracts';
import { documentTyp, thumbprintOf, verifyDocument } from '#sigil';
import { loginsUnmanaged, manifestRefused, nodeIsExpelled, ticketRefused } from './access.errors.js';
import type { AccessPort, AccessRecord, DatabaseOpening, Ticket } from './access.ports.js';
import { type LoginPlaces, loginIn, rebuildLogins } from './rebuild-logins.js';

export interface AccessResources extends LoginPlaces {
  readonly clusterId: string;
  readonly genesisOperatorId: string;
  /** Where nodes may take content. */
  readonly nodeRanges: NodeRanges;
  readonly operators: () => Promise<readonly Operator[]>;
  readonly membership: (nodeId: string) => Promise<Membership | undefined>;
  /** Authorities (PEM) that vouch for Redis and Postgres, where they are not those that everybody knows. */
  readonly authority?: string;
}

export interface Redemption {
  readonly ticketSha256: string;
  readonly manifest: NodeManifest;
  readonly redisPasswordSha256: string;
  readonly databaseVerifier?: string | undefined;
}

/**
 * Who may log in where. A node gets its logins for a ticket that an operator had made for its key, and is told of them again
 * where the answer was lost; they go with an expulsion. Postgres holds who has which; the users in Redis and the logins in Postgres follow from it.
 */
export class AccessEngine implements AccessPort {
  constructor(private readonly resources: AccessResources) {}

  /** Throws `node_expelled`. */
  async issue(ticket: Ticket): Promise<Date> {
    await this.refuseExpelled(ticket.nodeId);
    return this.resources.store.keepTicket(ticket);
  }

  /** Throws what `governance-redeem-ticket` lists. */
  async redeem({ ticketSha256, manifest, redisPasswordSha256, databaseVerifier }: Redemption): Promise<JoinLogins> {
    const { clusterId, store, redis, database, authority } = this.resources;
    if (redis.unmanaged !== undefined) throw loginsUnmanaged(redis.unmanaged);
    await this.verify(manifest);
    const { nodeId, operatorId, services } = manifest;
    await this.refuseExpelled(nodeId);
    const apps = [...new Set(services.flatMap((service) => serviceApps[service] ?? []))];
    const [app, second] = apps;
    if (second) throw manifestRefused('a node that joins by ticket holds the tables of one app at most');
    if (app && !databaseVerifier) throw manifestRefused('its services own tables, and no verifier came for a login');
    const login = app ? await database.loginOf(app, nodeId) : undefined;
    const record: AccessRecord = {
      ...{ nodeId, operatorId, services, redisPasswordSha256 },
      databaseLogin: login,
      state: 'active',
    };
    const opening = app && login && databaseVerifier ? { app, login, verifier: databaseVerifier } : undefined;
    const used = { ticketSha256, with: requestHash(record, opening) };
    const refusal = await store.redeem(used, record, opening, () => redis.put(loginIn(record)));
    if (refusal) throw ticketRefused(refusal);
    return {
      clusterId,
      redisUrl: named(redis.url, nodeId),
      ...(login ? { databaseUrl: named(database.url, login) } : {}),
      ...(authority ? { authority } : {}),
    };
  }

  async revoke(nodeId: string): Promise<void> {
    const { store, redis, database } = this.resources;
    const record = await store.move(nodeId, 'revoked');
    // Both are tried: a Redis that is away must not leave Postgres open.
    const done = await Promise.allSettled([
      redis.unmanaged === undefined ? redis.remove(nodeId) : undefined,
      record?.databaseLogin ? database.close(record.databaseLogin) : undefined,
    ]);
    for (const outcome of done) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async restore(nodeId: string): Promise<void> {
    const { store, redis, database } = this.resources;
    const record = await store.move(nodeId, 'active');
    if (!record) return;
    if (record.databaseLogin) await database.reopen(record.databaseLogin);
    if (redis.unmanaged === undefined) await redis.put(loginIn(record));
  }

  /** The logins as the records say. */
  rebuild(): Promise<void> {
    return rebuildLogins(this.resources);
  }

  /** Throws `manifest_invalid` where a node that has logins declares services that those were not made for. */
  async mayServe(nodeId: string, services: readonly ServiceName[]): Promise<void> {
    const record = await this.resources.store.record(nodeId);
    const beyond = record && services.find((service) => !record.services.includes(service));
    if (beyond) throw manifestRefused(`its logins were not made for the service ${beyond}`);
  }

  private async refuseExpelled(nodeId: string): Promise<void> {
    if ((await this.resources.membership(nodeId))?.state === 'expelled') throw nodeIsExpelled();
  }

  private async verify(manifest: NodeManifest): Promise<void> {
    const { clusterId } = this.resources;
    if (thumbprintOf(manifest.key) !== manifest.nodeId) throw manifestRefused("its id is not its key's thumbprint");
    if (manifest.clusterId !== clusterId) throw manifestRefused('it was made for another cluster');
    const signed = { typ: documentTyp.nodeManifest, aud: clusterId };
    await verifyDocument(manifest, { ...signed, key: manifest.key, purpose: 'node' });
    const operators = await this.resources.operators();
    const operator = operators.find(({ operatorId }) => operatorId === manifest.operatorId);
    if (!operator) throw manifestRefused('no operator of this cluster signed it');
    await verifyDocument(manifest, { ...signed, key: operator.key, purpose: 'operator' });
    const foreign = operator.operatorId !== this.resources.genesisOperatorId;
    judgeNodeAddress(manifest, this.resources.nodeRanges, !foreign);
    if (foreign && manifest.services.some((service) => service !== 'runner')) {
      throw manifestRefused('only runners may belong to another operator than the first');
    }
  }
}

/**
 * What makes two requests one: the passwords above all. Were they not compared, whoever read a ticket and a manifest on
 * their way could have a node's login opened to a password of theirs.
 */
const requestHash = (record: AccessRecord, opening: DatabaseOpening | undefined): string =>
  sha256Hex(
    JSON.stringify([
      record.operatorId,
      [...record.services].sort(),
      record.redisPasswordSha256,
      record.databaseLogin ?? null,
      opening?.verifier ?? null,
    ]),
  );

function named(url: string, user: string): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(user);
  return changed.href;
}
