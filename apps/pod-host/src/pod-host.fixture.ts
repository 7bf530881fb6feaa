import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import {
  type DataLocationPolicy,
  type PodResource,
  type PodTransferAction,
  type PolicyAction,
  podCreate,
  podListingPage,
  podReserve,
  podResource,
  refusal,
  resourcePathHeader,
  type TransferTicket,
} from '#contracts';
import { ClusterNode, type RunningApp } from '#node';
import { generateSigil, loadOrCreateSigil, type Sigil, signGrant } from '#sigil';
import { createMetrics } from '#telemetry';
import { MemoryIndex, type TestDatabase, type TestRedis, testDatabase, testLogger, testRedis } from '#testing';
import { TransferClient, type TransferResponse } from '#transfer';
import { startPodHost } from './app.js';
import type { RacePort } from './pods/engine/pod.ports.js';

export const home = 'EU/FR';
export const atHome: DataLocationPolicy = {
  allowedRegions: [home],
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { deleteOnRevoke: false, legalHold: false },
};

/** A pod host with a node beside it that speaks as the gateway does. */
export class PodHostStand {
  readonly #index = new MemoryIndex();
  readonly #transfer = new TransferClient();
  readonly #apps: RunningApp[] = [];

  private constructor(
    readonly dataDir: string,
    readonly database: TestDatabase,
    readonly redis: TestRedis,
    readonly env: Readonly<Record<string, string>>,
    private readonly grantSigil: Sigil,
    private readonly gatewayNode: { node?: ClusterNode },
  ) {}

  static async open(more: Readonly<Record<string, string>> = {}): Promise<PodHostStand> {
    const [database, redis] = await Promise.all([testDatabase(), testRedis()]);
    const dataDir = await mkdtemp(join(tmpdir(), 'watershed-pods-'));
    await loadOrCreateSigil(join(dataDir, 'operator', 'sigil.json'), 'operator');
    const env = {
      WATERSHED_CLUSTER_ID: redis.clusterId,
      WATERSHED_CLUSTER_NAME: 'test',
      WATERSHED_REGION: home,
      WATERSHED_DATA_DIR: dataDir,
      WATERSHED_REDIS_URL: redis.url,
      WATERSHED_LOG_LEVEL: 'silent',
      POD_HOST_DATABASE_URL: database.urlFor('pod-host'),
      ...more,
    };
    const stand = new PodHostStand(dataDir, database, redis, env, await generateSigil('grant'), {});
    await stand.#joinGateway();
    return stand;
  }

  async #joinGateway(): Promise<void> {
    const node = await ClusterNode.prepare({
      env: this.env,
      services: ['gateway'],
      types: ['gateway'],
      purposeKeys: [{ purpose: 'grant', key: this.grantSigil.publicJwk }],
      logger: testLogger('warn'),
      metrics: createMetrics('gateway'),
    });
    await node.join({ index: this.#index });
    this.gatewayNode.node = node;
  }

  get gateway(): ClusterNode {
    if (!this.gatewayNode.node) throw new Error('the stand is not open');
    return this.gatewayNode.node;
  }

  async start(race?: RacePort, more: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
    const app = await startPodHost({ ...this.env, ...more }, { index: this.#index, ...(race ? { race } : {}) });
    this.#apps.push(app);
    await this.gateway.directory.waitFor('pod-host', 5_000);
    return app;
  }

  async stop(): Promise<void> {
    for (const app of this.#apps.splice(0)) await app.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#transfer.close();
    await this.gateway.close();
    await this.database.close();
    await this.redis.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  grant(sub: string, action: PolicyAction, policy: DataLocationPolicy = atHome): Promise<string> {
    const iat = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: this.gateway.nodeId,
      aud: this.redis.clusterId,
      sub,
      action,
      policy,
      jti: uuidv7(),
      iat,
      exp: iat + 60,
    };
    return signGrant(claims, this.grantSigil);
  }

  async newPod(ownerId: string, policy: DataLocationPolicy = atHome): Promise<string> {
    const podId = uuidv7();
    await this.gateway.bus.call(podCreate, { grant: await this.grant(ownerId, 'store'), podId, policy });
    return podId;
  }

  async ticket(
    ownerId: string,
    action: PodTransferAction,
    podId: string,
    more: { readonly sizeBytes?: number; readonly policy?: DataLocationPolicy } = {},
  ): Promise<TransferTicket> {
    const changes = action === 'put' || action === 'delete';
    const grant = await this.grant(ownerId, changes ? 'store' : 'read', more.policy);
    const sized = more.sizeBytes === undefined ? {} : { sizeBytes: more.sizeBytes };
    return (await this.gateway.bus.call(podReserve, { grant, podId, action, ...sized })).ticket;
  }

  send(
    ticket: TransferTicket,
    method: 'PUT' | 'GET' | 'DELETE' | 'POST',
    more: {
      readonly path?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    } = {},
  ): Promise<TransferResponse> {
    const { path, headers, ...rest } = more;
    const named: Record<string, string> = path === undefined ? {} : { [resourcePathHeader]: encodeURIComponent(path) };
    return this.#transfer.transfer(ticket, { method, headers: { ...named, ...headers }, ...rest });
  }

  /** Stores `body`; rejects with the refusal's code as its message. */
  async put(
    ownerId: string,
    podId: string,
    path: string,
    body: string | Uint8Array,
    headers: Record<string, string> = {},
  ) {
    const sizeBytes = Buffer.byteLength(body);
    const answer = await this.send(await this.ticket(ownerId, 'put', podId, { sizeBytes }), 'PUT', {
      path,
      headers,
      body,
    });
    const resource: PodResource = podResource.parse(await accepted(answer));
    return { status: answer.status, resource };
  }

  async get(ownerId: string, podId: string, path: string, headers: Record<string, string> = {}) {
    const answer = await this.send(await this.ticket(ownerId, 'get', podId), 'GET', { path, headers });
    return { status: answer.status, headers: answer.headers, body: await text(answer.body) };
  }

  /** Deletes; rejects with the refusal's code as its message. */
  async remove(ownerId: string, podId: string, path: string, headers: Record<string, string> = {}): Promise<void> {
    await accepted(await this.send(await this.ticket(ownerId, 'delete', podId), 'DELETE', { path, headers }));
  }

  /** A page; rejects with the refusal's code as its message. */
  async list(ownerId: string, podId: string, asked: { prefix?: string; cursor?: string; limit?: number } = {}) {
    const body = JSON.stringify(asked);
    return podListingPage.parse(
      await accepted(await this.send(await this.ticket(ownerId, 'list', podId), 'POST', { body })),
    );
  }

  /** Every file under the pods' folder, arrivals included. */
  async files(): Promise<readonly string[]> {
    const found = await readdir(join(this.dataDir, 'pods'), { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }

  /** Those of one pod. */
  async filesOf(podId: string): Promise<string[]> {
    return (await this.files()).filter((file) => file.includes(podId));
  }

  /** Rows of one statement, as the database's administrator. */
  async inDatabase<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.database.adminUrl });
    await client.connect();
    return client
      .query<Row>(sql, values)
      .then(({ rows }) => rows)
      .finally(() => client.end());
  }
}

async function accepted(answer: TransferResponse): Promise<unknown> {
  const said = await text(answer.body);
  if (answer.status >= 400) throw new Error(refusal.parse(JSON.parse(said)).code);
  return said === '' ? undefined : JSON.parse(said);
}
