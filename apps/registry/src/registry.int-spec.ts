import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import {
  governanceMembers,
  type ModelManifest,
  type ModelVersion,
  modelManifestBody,
  modelsChanged,
  orchestratorPlaced,
  type ParsedRequestOf,
  type PayloadOf,
  type PublicJwk,
  registryBeginUpload,
  registryInspect,
  registryModel,
  registryModels,
  registryPull,
  registryReview,
  registrySubmit,
} from '#contracts';
import type { ClusterNode, RunningApp } from '#node';
import { openDatabase } from '#persistence';
import { documentTyp, generateSigil, loadSigil, type Sigil, signDocument, verifyDocument } from '#sigil';
import { AppStand, eventually } from '#testing';
import { TransferClient } from '#transfer';
import { startRegistry } from './app.js';
import { codeOf, fileNamesUnder, onnxFile, sha256Of } from './registry.fixture.js';

let stand: AppStand;
let registry: RunningApp;
let gateway: ClusterNode;
let operator: Sigil;
let registryKey: PublicJwk;
const transfers = new TransferClient();
/** The models that the orchestrator has placed on the runner, and what it was asked. */
const placed = new Set(['acme/adder', 'acme/large']);
const asked: ParsedRequestOf<typeof orchestratorPlaced>[] = [];
const changes: PayloadOf<typeof modelsChanged>[] = [];

beforeAll(async () => {
  stand = await AppStand.open();
  operator = stand.operator;
  registryKey = (await loadSigil(stand.identity.keyFile('model'), 'model')).publicJwk;
  gateway = await stand.prepare(['gateway', 'governance', 'orchestrator', 'runner']);
  gateway.bus.handle(governanceMembers, () => ({
    operators: [
      { operatorId: operator.thumbprint, name: 'first', key: operator.publicJwk, since: new Date().toISOString() },
    ],
    memberships: [],
  }));
  gateway.bus.handle(orchestratorPlaced, ({ nodeId, versions }) => {
    asked.push({ nodeId, versions });
    return { placed: nodeId === gateway.nodeId && versions.some(({ model }) => placed.has(model)) };
  });
  gateway.bus.on(modelsChanged, (payload) => void changes.push(payload));
  await gateway.join({ index: stand.index.port() });
  await start();
}, 60_000);

afterAll(async () => {
  await transfers.close();
  await stand?.close();
});

async function start(change: Record<string, string> = {}): Promise<void> {
  registry = await stand.hold(startRegistry(stand.env('registry', change), { index: stand.index.port() }));
  await eventually(() => gateway.directory.find('registry').some((entry) => entry.manifest.url === registry.url));
}

const begin = (bytes: Uint8Array, sha256 = sha256Of(bytes)) =>
  gateway.bus.call(registryBeginUpload, { sha256, sizeBytes: bytes.length });

async function put(ticket: { url: string; token: string; maxBytes: number }, body: Uint8Array | PassThrough) {
  const answer = await transfers.transfer(ticket, { method: 'PUT', body, timeoutMs: 60_000 });
  return { status: answer.status, body: (await json(answer.body)) as Record<string, unknown> };
}

async function upload(bytes: Uint8Array): Promise<string> {
  const { ticket, complete } = await begin(bytes);
  if (!complete && ticket) expect(await put(ticket, bytes)).toMatchObject({ status: 201, body: { complete: true } });
  return sha256Of(bytes);
}

async function manifestOf(
  sha256: string,
  change: Partial<ModelManifest> = {},
  sigil = operator,
): Promise<ModelManifest> {
  const facts = await gateway.bus.call(registryInspect, { sha256 });
  const body = z.object(modelManifestBody).parse({
    type: 'watershed/model-manifest',
    name: 'acme/adder',
    version: '1.0.0',
    licence: 'Apache-2.0',
    purpose: 'adds',
    format: 'onnx',
    publisherId: operator.thumbprint,
    createdAt: '2026-11-21T10:00:00Z',
    ...facts,
    ...change,
  });
  return signDocument(body, sigil, { typ: documentTyp.modelManifest });
}

const submit = (manifest: ModelManifest) => gateway.bus.call(registrySubmit, { manifest });
const review = (name: string, version: string, to: ParsedRequestOf<typeof registryReview>['review']) =>
  gateway.bus.call(registryReview, { name, version, review: to, reviewer: 'someone' });
const files = () => fileNamesUnder(join(stand.dataDir, 'blobs'));

describe('an operator’s model', () => {
  const bytes = onnxFile(1_000_000);
  let version: ModelVersion;

  it('is uploaded, read, submitted and approved, and then everyone may have it', async () => {
    const sha256 = await upload(bytes);
    expect(await begin(bytes)).toEqual({ complete: true, offsetBytes: bytes.length });
    expect(await gateway.bus.call(registryInspect, { sha256 })).toMatchObject({
      operators: ['Add'],
      opset: 17,
      parameterCount: 250_000,
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 250_000] }],
      blob: { sha256, sizeBytes: bytes.length },
    });
    const submitted = await submit(await manifestOf(sha256));
    expect(submitted).toMatchObject({ name: 'acme/adder', version: '1.0.0', serial: 1, review: 'submitted' });
    expect(await codeOf(gateway.bus.call(registryModel, { name: 'acme/adder' }))).toBe('model_unknown');
    expect(await codeOf(gateway.bus.call(registryPull, { sha256 }))).toBe('blob_unknown');

    version = await review('acme/adder', '1.0.0', 'approved');
    await verifyDocument(version.manifest, { typ: documentTyp.modelManifest, key: registryKey, purpose: 'model' });
    await verifyDocument(version.manifest, {
      typ: documentTyp.modelManifest,
      key: operator.publicJwk,
      purpose: 'operator',
    });
    expect(version.digest).toBe(submitted.digest);
    expect(await gateway.bus.call(registryModel, { name: 'acme/adder' })).toEqual(version);
    await eventually(() => changes.length === 2);
    expect(changes.map((change) => change.review)).toEqual(['submitted', 'approved']);

    const pulled = await gateway.bus.call(registryPull, { sha256 });
    const answer = await transfers.transfer(pulled.ticket, { method: 'GET' });
    const got: Buffer[] = [];
    for await (const chunk of answer.body) got.push(chunk as Buffer);
    expect(sha256Of(Buffer.concat(got))).toBe(sha256);
  });

  it('is given to those runners alone that it is placed on', async () => {
    const sha256 = sha256Of(bytes);
    placed.delete('acme/adder');
    expect(await codeOf(gateway.bus.call(registryPull, { sha256 }))).toBe('caller_not_allowed');
    expect(asked.at(-1)).toEqual({
      nodeId: gateway.nodeId,
      versions: [{ model: 'acme/adder', version: '1.0.0' }],
    });
    placed.add('acme/adder');
    expect(await codeOf(gateway.bus.call(registryPull, { sha256 }))).toBe('taken');
  });

  it('is fetched by ranges, under a ticket each', async () => {
    const sha256 = sha256Of(bytes);
    const get = async (range: string) => {
      const { ticket } = await gateway.bus.call(registryPull, { sha256 });
      const answer = await fetch(ticket.url, { headers: { authorization: `Bearer ${ticket.token}`, range } });
      return {
        status: answer.status,
        range: answer.headers.get('content-range'),
        body: Buffer.from(await answer.arrayBuffer()),
        ticket,
      };
    };
    const tail = await get('bytes=900000-');
    expect([tail.status, tail.range]).toEqual([206, `bytes 900000-${bytes.length - 1}/${bytes.length}`]);
    expect(tail.body.equals(bytes.subarray(900_000))).toBe(true);
    expect((await get(`bytes=${bytes.length}-`)).status).toBe(416);
    const used = await fetch(tail.ticket.url, { headers: { authorization: `Bearer ${tail.ticket.token}` } });
    expect([used.status, await used.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'transfer_token_invalid' }),
    ]);
    const { ticket } = await gateway.bus.call(registryPull, { sha256 });
    const other = ticket.url.replace(sha256, 'f'.repeat(64));
    expect((await fetch(other, { headers: { authorization: `Bearer ${ticket.token}` } })).status).toBe(403);
    expect(
      (await fetch(ticket.url, { method: 'PUT', headers: { authorization: `Bearer ${ticket.token}` }, body: 'x' }))
        .status,
    ).toBe(403);
  });

  it('is the same when it is submitted again, and refused with another content', async () => {
    const again = await submit({
      ...(await manifestOf(sha256Of(bytes))),
      signatures: (await manifestOf(sha256Of(bytes))).signatures,
    });
    expect(again).toEqual(version);
    expect(await codeOf(submit(await manifestOf(sha256Of(bytes), { purpose: 'subtracts' })))).toBe('model_exists');
  });

  it('has one serial a version, without gaps, also when many are submitted at once', async () => {
    const manifests = await Promise.all(
      Array.from({ length: 12 }, (_, n) => manifestOf(sha256Of(bytes), { version: `2.0.${n}` })),
    );
    const versions = await Promise.all([...manifests, ...manifests].map(submit));
    const serials = new Set(versions.map((each) => `${each.version} ${each.serial}`));
    expect(serials.size).toBe(12);
    expect(
      versions
        .map((each) => each.serial)
        .sort((a, b) => a - b)
        .slice(0, 2),
    ).toEqual([2, 2]);
    const contents = await Promise.all(
      Array.from({ length: 6 }, (_, n) => manifestOf(sha256Of(bytes), { version: '3.0.0', purpose: `p${n}` })),
    );
    const outcomes = await Promise.all(contents.map((each) => codeOf(submit(each))));
    expect(outcomes.sort()).toEqual([
      'model_exists',
      'model_exists',
      'model_exists',
      'model_exists',
      'model_exists',
      'taken',
    ]);
  });

  it('is listed a page at a time, each version once', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await gateway.bus.call(registryModels, { limit: 5, ...(cursor ? { cursor } : {}) });
      seen.push(...page.items.map((each) => each.version));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toHaveLength(14);
    expect(new Set(seen).size).toBe(14);
    expect((await gateway.bus.call(registryModels, { review: 'approved' })).items).toHaveLength(1);
    expect(await codeOf(gateway.bus.call(registryModels, { cursor: 'nonsense' }))).toBe('cursor_invalid');
  });

  it('is withdrawn with its approval, and approved anew', async () => {
    const withdrawn = await review('acme/adder', '1.0.0', 'withdrawn');
    const believed = verifyDocument(withdrawn.manifest, {
      typ: documentTyp.modelManifest,
      key: registryKey,
      purpose: 'model',
    });
    expect(await codeOf(believed)).toBe('signature_invalid');
    expect(await codeOf(gateway.bus.call(registryPull, { sha256: sha256Of(bytes) }))).toBe('blob_unknown');
    expect((await review('acme/adder', '1.0.0', 'withdrawn')).review).toBe('withdrawn');
    expect(await codeOf(review('acme/adder', '1.0.0', 'rejected'))).toBe('conflict');
    expect((await review('acme/adder', '1.0.0', 'approved')).manifest).toEqual(version.manifest);
    const decided = await Promise.all(
      ['approved', 'rejected'].map((to) => codeOf(review('acme/adder', '3.0.0', to as 'approved'))),
    );
    expect(decided.sort()).toEqual(['conflict', 'taken']);
  });

  it('cannot be changed in the database, whoever writes', async () => {
    const { pool, close } = await openDatabase({ url: stand.database.urlFor('registry'), applicationName: 'test' });
    try {
      const set = (sql: string) =>
        pool.query(`UPDATE registry.version SET ${sql} WHERE version = '1.0.0'`).then(
          () => 'taken',
          (error: Error) => error.message,
        );
      expect(await set('serial = 99')).toContain('fixed');
      expect(await set(`manifest = jsonb_set(manifest, '{purpose}', '"other"')`)).toContain('fixed');
      expect(await set(`review = 'king'`)).toContain('version_review_check');
    } finally {
      await close();
    }
  });
});

describe('what is not an acceptable model', () => {
  it('is refused and not kept: wrong bytes, too many, no ONNX, operators of one runtime only', async () => {
    const before = await files();
    const bytes = onnxFile(10_000);
    const wrong = Buffer.from(bytes);
    wrong[9_000] = 7;
    const { ticket } = await begin(bytes);
    if (!ticket) throw new Error('no ticket');
    expect(await put(ticket, wrong)).toMatchObject({ status: 422, body: { code: 'digest_mismatch' } });
    const second = (await begin(bytes)).ticket;
    if (!second) throw new Error('no ticket');
    const long = await put({ ...second, maxBytes: 1_000_000 }, Buffer.concat([bytes, bytes]));
    expect(long).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
    expect(await files()).toEqual(before);
    const tooLarge = { sha256: 'd'.repeat(64), sizeBytes: 5 * 1024 ** 3 };
    expect(await codeOf(gateway.bus.call(registryBeginUpload, tooLarge))).toBe('body_too_large');

    for (const [file, reason] of [
      [Buffer.from('this is no model'.repeat(100)), 'not an ONNX model'],
      [onnxFile(4_096, { opType: 'Gelu', domain: 'com.microsoft' }), 'com.microsoft'],
    ] as const) {
      const sha256 = await upload(file);
      await expect(gateway.bus.call(registryInspect, { sha256 })).rejects.toMatchObject({
        code: 'model_invalid',
        message: expect.stringContaining(reason),
      });
      expect(await codeOf(gateway.bus.call(registryInspect, { sha256 }))).toBe('blob_unknown');
    }
    expect(await files()).toEqual(before);
  });

  it('is refused when its manifest lies, or is signed by nobody who may', async () => {
    const sha256 = await upload(onnxFile(2_000));
    const stranger = await generateSigil('operator');
    const unsigned = await manifestOf(sha256, { name: 'acme/other' });
    for (const [manifest, code] of [
      [await manifestOf(sha256, { name: 'acme/other' }, stranger), 'signature_invalid'],
      [
        await manifestOf(sha256, { name: 'acme/other', publisherId: stranger.thumbprint }, stranger),
        'signature_invalid',
      ],
      [{ ...unsigned, purpose: 'tampered' }, 'signature_invalid'],
      [await manifestOf(sha256, { name: 'acme/other', parameterCount: 1 }), 'model_invalid'],
      [
        await manifestOf(sha256, { name: 'acme/other', inputs: [{ name: 'Q', datatype: 'FP32', shape: [1] }] }),
        'model_invalid',
      ],
      [await manifestOf(sha256, { name: 'acme/other', regions: ['EU/XX'] }), 'region_unknown'],
      [await manifestOf(sha256, { name: 'acme/other', blob: { sha256, sizeBytes: 1 } }), 'digest_mismatch'],
      [
        await manifestOf(sha256, { name: 'acme/other', blob: { sha256: 'e'.repeat(64), sizeBytes: 1 } }),
        'blob_unknown',
      ],
    ] as const) {
      expect(await codeOf(submit(manifest))).toBe(code);
    }
    expect(await codeOf(gateway.bus.call(registryModel, { name: 'acme/other', version: '1.0.0' }))).toBe(
      'model_unknown',
    );
    expect(await codeOf(submit(unsigned))).toBe('taken');
  });
});

describe('uploads that nobody goes on with', () => {
  it('are removed while the registry runs, and not only at its next start', async () => {
    await registry.close();
    await start({ REGISTRY_SWEEP_EVERY_MS: '100' });
    const uploads = join(stand.dataDir, 'blobs', 'uploads');
    await mkdir(uploads, { recursive: true });
    const [old, young] = ['a', 'b'].map((letter) => join(uploads, `${letter.repeat(64)}.part`));
    for (const part of [old, young]) await writeFile(part ?? '', 'begun');
    await utimes(old ?? '', 0, 0);
    await eventually(async () => (await files()).every((name) => !name.includes('a'.repeat(64))));
    expect((await files()).some((name) => name.includes('b'.repeat(64)))).toBe(true);
    await rm(young ?? '');
  });
});

describe('a large model', () => {
  it('goes on where its upload broke, over a restart, and weighs nothing in memory: 200 MB', async () => {
    const bytes = onnxFile(200 * 1024 * 1024);
    const first = await begin(bytes);
    if (!first.ticket) throw new Error('no ticket');
    const broken = new PassThrough();
    const sending = put(first.ticket, broken).then(
      () => 'answered',
      () => 'broke',
    );
    broken.write(bytes.subarray(0, 60_000_000));
    await eventually(async () => (await files()).some((name) => name.endsWith('.part')));
    await eventually(async () => (await begin(bytes)).offsetBytes > 1_000_000, { timeoutMs: 20_000 });
    broken.destroy(new Error('the cable was cut'));
    expect(await sending).toBe('broke');
    await registry.close();
    await start();

    const second = await begin(bytes);
    expect(second.offsetBytes).toBeGreaterThan(1_000_000);
    expect(second.offsetBytes).toBeLessThanOrEqual(60_000_000);
    if (!second.ticket) throw new Error('no ticket');
    const rest = new PassThrough();
    rest.end(bytes.subarray(second.offsetBytes));
    const rss = process.memoryUsage().rss;
    expect(await put(second.ticket, rest)).toMatchObject({
      status: 201,
      body: { complete: true, offsetBytes: bytes.length },
    });
    expect(process.memoryUsage().rss - rss).toBeLessThan(150 * 1024 * 1024);

    const started = performance.now();
    const sha256 = sha256Of(bytes);
    const facts = await gateway.bus.call(registryInspect, { sha256 });
    expect(facts.parameterCount).toBe(50 * 1024 * 1024);
    expect(performance.now() - started).toBeLessThan(2_000);
    const version = await submit(await manifestOf(sha256, { name: 'acme/large' }));
    await review(version.name, version.version, 'approved');
    const { ticket } = await gateway.bus.call(registryPull, { sha256 });
    const answer = await transfers.transfer(ticket, { method: 'GET', timeoutMs: 60_000 });
    let size = 0;
    for await (const chunk of answer.body) size += (chunk as Buffer).length;
    expect(size).toBe(bytes.length);
  }, 120_000);
});
