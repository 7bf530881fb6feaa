import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { uuidv7 } from 'uuidv7';
import {
  governanceMembers,
  indexClaim,
  type ModelManifest,
  type ModelVersion,
  orchestratorPlaced,
  registryModel,
  registryPull,
  runnerReserve,
  type TransferTicket,
} from '#contracts';
import { WatershedError } from '#errors';
import { type ClusterNode, ResourceClaims } from '#node';
import { addSignature, digestOf, documentTyp, generateSigil, type Sigil, signDocument, signGrant } from '#sigil';
import type { AppStand } from '#testing';
import { TransferTokens } from '#transfer';

type Draft = Omit<ModelManifest, 'signatures' | 'publisherId' | 'createdAt' | 'type' | 'blob' | 'format'>;

/** What compute needs of the rest of a cluster: one node that is registry, governance and gateway at once. */
export class ClusterAround {
  readonly versions: ModelVersion[] = [];
  readonly blobs = new Map<string, Buffer>();
  /** Ranges in which blobs were asked for, `0-` for a whole one. */
  readonly pulls: string[] = [];
  private readonly tokens = new TransferTokens<string>();

  private constructor(
    readonly node: ClusterNode,
    private readonly operator: Sigil,
    private readonly modelKey: Sigil,
    private readonly grantKey: Sigil,
    private readonly http: Server,
  ) {}

  /** Closed with the stand. */
  static async start(stand: AppStand): Promise<ClusterAround> {
    const [modelKey, grantKey] = await Promise.all([generateSigil('model'), generateSigil('grant')]);
    const node = await stand.prepare(['gateway', 'registry', 'governance', 'index'], {
      types: ['gateway'],
      purposeKeys: [modelKey, grantKey].map(({ purpose, publicJwk }) => ({ purpose, key: publicJwk })),
    });
    const around = new ClusterAround(node, stand.operator, modelKey, grantKey, createServer());
    await stand.hold(around.serve().then(() => around));
    await node.join({ index: stand.index.port() });
    return around;
  }

  async close(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise<void>((resolve) => this.http.close(() => resolve()));
  }

  private async serve(): Promise<void> {
    this.http.on('request', (request, response) => {
      const digest = this.tokens.redeem((request.headers.authorization ?? '').slice(7));
      const blob = this.blobs.get(digest) ?? Buffer.alloc(0);
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      this.pulls.push(`${from}-`);
      if (from > 0) response.setHeader('content-range', `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}`);
      response.writeHead(from > 0 ? 206 : 200).end(blob.subarray(from));
    });
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    const { port } = this.http.address() as AddressInfo;
    const { bus } = this.node;
    bus.handle(registryModel, async ({ name, version }) => {
      const found = this.versions.findLast((one) => one.name === name && (version ?? one.version) === one.version);
      if (!found) throw new WatershedError('model_unknown', 'No such model.');
      return found;
    });
    bus.handle(registryPull, async ({ sha256 }, { nodeId }) => {
      const declared = this.versions.find((one) => one.manifest.blob.sha256 === sha256);
      if (!declared) throw new WatershedError('blob_unknown', 'No such blob.');
      const having = this.versions.filter((one) => one.manifest.blob.sha256 === sha256);
      const versions = having.map(({ name, version }) => ({ model: name, version }));
      const { placed } = await bus.call(orchestratorPlaced, { nodeId, versions });
      if (!placed) throw new WatershedError('caller_not_allowed', 'It is not placed on this runner.');
      const { sizeBytes } = declared.manifest.blob;
      const { token } = this.tokens.issue({ bind: sha256, maxBytes: sizeBytes });
      return { ticket: { url: `http://127.0.0.1:${port}/blob`, token, maxBytes: sizeBytes }, sizeBytes };
    });
    const claims = new ResourceClaims(() => bus.redis, this.node.clusterId);
    bus.handle(indexClaim, async ({ resource, wanted, ttlMs }, { nodeId }) => {
      if (wanted === 'taken') return { holder: await claims.take(resource, nodeId, ttlMs) };
      await claims.release(resource, nodeId);
      return {};
    });
    bus.handle(governanceMembers, async () => ({
      operators: [
        {
          operatorId: this.operator.thumbprint,
          name: 'one',
          key: this.operator.publicJwk,
          since: '2026-01-01T00:00:00Z',
        },
      ],
      memberships: [],
    }));
  }

  /** Puts a version into the registry, signed by its publisher and approved. */
  async publish(draft: Draft, file: Buffer): Promise<ModelVersion> {
    const sha256 = createHash('sha256').update(file).digest('hex');
    const body = {
      ...draft,
      type: 'watershed/model-manifest' as const,
      format: 'onnx' as const,
      blob: { sha256, sizeBytes: file.byteLength },
      publisherId: this.operator.thumbprint,
      createdAt: '2026-01-01T00:00:00.000Z',
    };
    const published = await signDocument(body, this.operator, { typ: documentTyp.modelManifest });
    const manifest = await addSignature(published, this.modelKey, { typ: documentTyp.modelManifest });
    const version: ModelVersion = {
      name: draft.name,
      version: draft.version,
      serial: this.versions.length + 1,
      digest: digestOf(body),
      review: 'approved',
      manifest,
      createdAt: body.createdAt,
    };
    this.versions.push(version);
    this.blobs.set(sha256, file);
    return version;
  }

  grant(allowedRegions: string[] = ['EU/FR']): Promise<string> {
    const iat = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: this.node.nodeId,
      aud: this.node.clusterId,
      sub: uuidv7(),
      action: 'infer' as const,
      policy: {
        allowedRegions,
        crossBorderAllowed: false,
        encryptionRequired: false,
        retention: { deleteOnRevoke: false, legalHold: false },
      },
      jti: uuidv7(),
      iat,
      exp: iat + 60,
    };
    return signGrant(claims, this.grantKey);
  }

  /** One inference as the gateway makes it; a refusal of either step by its code. */
  async infer(to: string, model: string, body: string, grant?: string): Promise<{ code: string; answer?: unknown }> {
    const item = { taskId: uuidv7(), grant: 0, sizeBytes: Buffer.byteLength(body), model, form: 'tensors' as const };
    const request = { grants: [grant ?? (await this.grant())], items: [item] };
    const { items } = await this.node.bus.call(runnerReserve, request, { to });
    const [reserved] = items;
    if (!reserved || 'tokens' in reserved) throw new Error('one ticket was asked for');
    if ('refusal' in reserved) return { code: reserved.refusal.code };
    return this.send(reserved, body);
  }

  private async send(ticket: TransferTicket, body: string): Promise<{ code: string; answer?: unknown }> {
    const headers = { authorization: `Bearer ${ticket.token}`, 'content-type': 'application/json' };
    const response = await fetch(ticket.url, { method: 'POST', headers, body });
    const answer = (await response.json()) as { code?: string };
    return { code: answer.code ?? 'ok', answer };
  }
}
