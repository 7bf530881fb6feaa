import { readdir } from 'node:fs/promises';
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
import type { ClusterNode, RunningApp } from '#node';
import { generateSigil, type Sigil, signGrant } from '#sigil';
import { AppStand, testLogger } from '#testing';
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
  readonly #transfer = new TransferClient();
  readonly #apps: RunningApp[] = [];

  private constructor(
    readonly around: AppStand,
    private readonly more: Readonly<Record<string, string>>,
    private readonly grantSigil: Sigil,
    readonly gateway: ClusterNode,
  ) {}

  static async open(more: Readonly<Record<string, string>> = {}): Promise<PodHostStand> {
    const around = await AppStand.open();
    const grantSigil = await generateSigil('grant');
    const gateway = await around.join(['gateway'], {
      types: ['gateway'],
      purposeKeys: [{ purpose: 'grant', key: grantSigil.publicJwk }],
      logger: testLogger('warn'),
    });
    return new PodHostStand(around, more, grantSigil, gateway);
  }

  get dataDir(): string {
    return this.around.dataDir;
  }

  async start(race?: RacePort, more: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
    const env = this.around.env('pod-host', { ...this.more, ...more });
    const app = await startPodHost(env, { index: this.around.index.port(), ...(race ? { race } : {}) });
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
    await this.around.close();
  }

  grant(sub: string, action: PolicyAction, policy: DataLocationPolicy = atHome): Promise<string> {
    const iat = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: this.gateway.nodeId,
      aud: this.around.clusterId,
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
    const client = new pg.Client({ connectionString: this.around.database.adminUrl });
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
