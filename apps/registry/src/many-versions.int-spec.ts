import { z } from 'zod';
import {
  governanceMembers,
  type ModelVersion,
  maxPlacedVersions,
  modelManifestBody,
  orchestratorPlaced,
  type ParsedRequestOf,
  registryBeginUpload,
  registryInspect,
  registryModel,
  registryModels,
  registryPull,
  registryReview,
  registrySubmit,
} from '#contracts';
import type { ClusterNode } from '#node';
import { openDatabase } from '#persistence';
import { documentTyp, signDocument } from '#sigil';
import { AppStand } from '#testing';
import { TransferClient } from '#transfer';
import { startRegistry } from './app.js';
import { codeOf, onnxFile, sha256Of } from './registry.fixture.js';

const name = 'acme/adder';
const count = 5_000;

describe('a registry with 5,000 approved versions of one file', () => {
  const bytes = onnxFile();
  const sha256 = sha256Of(bytes);
  const transfers = new TransferClient();
  /** The version that is placed on the runner, and what the orchestrator was asked. */
  let placed = '';
  const asked: ParsedRequestOf<typeof orchestratorPlaced>['versions'][] = [];
  let stand: AppStand;
  let gateway: ClusterNode;
  beforeAll(async () => {
    stand = await AppStand.open();
    gateway = await stand.prepare(['gateway', 'governance', 'orchestrator', 'runner']);
    const { thumbprint: operatorId, publicJwk: key } = stand.operator;
    gateway.bus.handle(governanceMembers, () => ({
      operators: [{ operatorId, name: 'first', key, since: new Date().toISOString() }],
      memberships: [],
    }));
    gateway.bus.handle(orchestratorPlaced, ({ versions }) => {
      asked.push(versions);
      return { placed: versions.some((each) => each.model === name && each.version === placed) };
    });
    await gateway.join({ index: stand.index.port() });
    await stand.hold(startRegistry(stand.env('registry'), { index: stand.index.port() }));
    await gateway.directory.waitFor('registry', 5_000);
    await multiply(await approvedVersion());
  });
  afterAll(async () => {
    await transfers.close();
    await stand?.close();
  });

  async function approvedVersion(): Promise<ModelVersion> {
    const { ticket } = await gateway.bus.call(registryBeginUpload, { sha256, sizeBytes: bytes.length });
    if (!ticket) throw new Error('no ticket');
    const sent = await transfers.transfer(ticket, { method: 'PUT', body: bytes });
    expect(sent.status).toBe(201);
    sent.body.resume();
    const manifest = z.object(modelManifestBody).parse({
      ...{ type: 'watershed/model-manifest', name, version: '0.0.0', licence: 'Apache-2.0', purpose: 'adds' },
      ...{ format: 'onnx', publisherId: stand.operator.thumbprint, createdAt: '2026-11-21T10:00:00Z' },
      ...(await gateway.bus.call(registryInspect, { sha256 })),
    });
    const signed = await signDocument(manifest, stand.operator, { typ: documentTyp.modelManifest });
    await gateway.bus.call(registrySubmit, { manifest: signed });
    return gateway.bus.call(registryReview, { name, version: '0.0.0', review: 'approved', reviewer: 'someone' });
  }

  /** As if each had been submitted and approved: 5,000 times by the bus takes a minute. */
  async function multiply({ version }: ModelVersion): Promise<void> {
    const { pool, close } = await openDatabase({ url: stand.database.urlFor('registry'), applicationName: 'test' });
    try {
      await pool.query(
        `INSERT INTO registry.version (name, version, serial, digest, review, manifest, blob_sha256, blob_size_bytes)
         SELECT name, '1.0.' || n, n + 1, lpad(n::text, 64, '0'), review,
                jsonb_set(manifest, '{version}', to_jsonb('1.0.' || n)), blob_sha256, blob_size_bytes
         FROM registry.version, generate_series(1, $1::int) n WHERE name = $2 AND version = $3`,
        [count - 1, name, version],
      );
    } finally {
      await close();
    }
  }

  const pull = async (version: string) => {
    asked.length = 0;
    placed = version;
    return gateway.bus.call(registryPull, { sha256 });
  };

  it('gives a runner its file, whichever of them is placed on it, and asks about no more at once than is answered', async () => {
    for (const version of ['0.0.0', '1.0.1', '1.0.2500', '1.0.4999', '1.0.999'])
      expect(await pull(version)).toMatchObject({ sizeBytes: bytes.length });
    // The last in the order of versions as texts: all of them were asked about, each once.
    const all = asked.flat().map(({ version }) => version);
    expect(asked.map((page) => page.length)).toEqual(Array.from({ length: 5 }, () => maxPlacedVersions));
    expect(new Set(all).size).toBe(count);
  });

  it('refuses the file where none of them is', async () => {
    expect(await codeOf(pull('2.0.0'))).toBe('caller_not_allowed');
    expect(asked.flat()).toHaveLength(count);
  });

  it('still names the newest, and lists them a page at a time', async () => {
    expect(await gateway.bus.call(registryModel, { name })).toMatchObject({ version: '1.0.4999', serial: 5_000 });
    const first = await gateway.bus.call(registryModels, { limit: 200, review: 'approved' });
    expect(first.items).toHaveLength(200);
    const { items } = await gateway.bus.call(registryModels, { limit: 200, cursor: first.nextCursor });
    expect(items[0]).toMatchObject({ serial: 201 });
  });
});
