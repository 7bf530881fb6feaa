import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ModelManifest, ModelVersion, Placement } from '#contracts';
import { documentTyp, loadSigil, signDocument } from '#sigil';
import { type Api, CommandError } from './api.js';

/** What a publisher says of a model; the rest is read out of the file. */
export type ModelDescription = Pick<ModelManifest, 'name' | 'version' | 'licence' | 'purpose'> &
  Partial<Omit<ModelManifest, 'type' | 'blob' | 'publisherId' | 'createdAt' | 'signatures' | 'format'>>;

interface Inspection {
  readonly inputs: ModelManifest['inputs'];
  readonly outputs: ModelManifest['outputs'];
  readonly parameterCount: number;
  readonly memoryBytes: number;
  readonly maxBatchSize: number;
  readonly blob: ModelManifest['blob'];
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function upload(api: Api, file: string, say: (line: string) => void): Promise<ModelManifest['blob']> {
  if (!existsSync(file) || !statSync(file).isFile()) throw new CommandError(`There is no file ${file}.`);
  const sizeBytes = statSync(file).size;
  if (sizeBytes === 0) throw new CommandError(`${file} is empty.`);
  say(`reading ${(sizeBytes / 2 ** 20).toFixed(1)} MB …`);
  const sha256 = await digestOfFile(file);
  const begun = await api.request<{ complete: boolean; offsetBytes: number }>('POST', '/v1/blobs', {
    json: { sha256, sizeBytes },
    idempotencyKey: randomUUID(),
  });
  if (begun.complete) return { sha256, sizeBytes };
  say(begun.offsetBytes > 0 ? `going on with the upload at byte ${begun.offsetBytes} …` : 'uploading …');
  const stream = createReadStream(file, { start: begun.offsetBytes, highWaterMark: 2 ** 20 });
  await api.request('PUT', `/v1/blobs/${sha256}`, {
    body: Readable.toWeb(stream) as ReadableStream<Uint8Array>,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(sizeBytes - begun.offsetBytes),
      ...(begun.offsetBytes > 0 ? { 'content-range': `bytes ${begun.offsetBytes}-${sizeBytes - 1}/${sizeBytes}` } : {}),
    },
  });
  return { sha256, sizeBytes };
}

async function isServed(api: Api, name: string, version: string): Promise<boolean> {
  try {
    await api.request('GET', `/v2/models/${name.replace('/', '--')}/versions/${version}/ready`);
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.status !== undefined) return false;
    throw error;
  }
}

/** Waits until the gateway sees the version served, or says why no place can serve it. */
export async function untilServed(api: Api, name: string, version: string, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const places = (await api.all<Placement>(`/v1/placements?model=${encodeURIComponent(name)}`)).filter(
      (place) => place.version === version && place.wanted === 'loaded',
    );
    const failed = places.find(({ state }) => state === 'failed');
    // A place that was ready before the runner was started again still says so; what the gateway sees is what counts.
    if (places.some(({ state }) => state === 'ready') && (await isServed(api, name, version))) return;
    if (failed && places.every(({ state }) => state === 'failed'))
      throw new CommandError(
        `${name} could not be loaded: ${failed.failure?.message ?? 'no reason given'} (${failed.failure?.code ?? 'failed'})`,
        failed.failure?.code ?? 'failed',
      );
    if (performance.now() > end)
      throw new CommandError(`${name} is not served after ${timeoutMs / 1000} s: see npm run doctor.`, 'not_served');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Brings a model in: uploads the file, reads its tensors, signs the manifest with the operator's key, submits and
 * approves it, and has it loaded. Each part may be repeated, so a run that broke is simply run again.
 */
export async function publishModel(
  api: Api,
  file: string,
  description: ModelDescription,
  say: (line: string) => void,
): Promise<ModelVersion> {
  const blob = await upload(api, file, say);
  const found = await api.request<Inspection>('POST', `/v1/blobs/${blob.sha256}/inspect`);
  const sigil = await loadSigil(join(api.dataFolder, 'operator', 'sigil.json'), 'operator');
  const manifest = await signDocument(
    {
      type: 'watershed/model-manifest' as const,
      description: '',
      regions: [],
      memoryBytes: found.memoryBytes,
      maxBatchSize: found.maxBatchSize,
      ...description,
      // What can be read out of the file is not for a person to declare.
      inputs: found.inputs,
      outputs: found.outputs,
      parameterCount: found.parameterCount,
      format: 'onnx' as const,
      blob,
      publisherId: sigil.thumbprint,
      createdAt: new Date().toISOString(),
    },
    sigil,
    { typ: documentTyp.modelManifest },
  );
  const submitted = await api.request<ModelVersion>('POST', '/v1/models', {
    json: manifest,
    idempotencyKey: randomUUID(),
  });
  const path = `/v1/models/${submitted.name}/${encodeURIComponent(submitted.version)}/review`;
  if (submitted.review === 'withdrawn' || submitted.review === 'rejected')
    throw new CommandError(
      `${submitted.name} ${submitted.version} was ${submitted.review}: bring it as another version.`,
      'withdrawn',
    );
  const approved =
    submitted.review === 'approved'
      ? submitted
      : await api.request<ModelVersion>('POST', path, { json: { review: 'approved' }, idempotencyKey: randomUUID() });
  say('approved; loading …');
  await api.request('POST', '/v1/placements', {
    json: { model: approved.name, version: approved.version },
    idempotencyKey: randomUUID(),
  });
  return approved;
}

/** What a model folder of the repository holds: `manifest.json` (unsigned) beside `model.onnx`. */
export function readModelFolder(folder: string): { description: ModelDescription; file: string } {
  const manifestFile = join(folder, 'manifest.json');
  if (!existsSync(manifestFile)) throw new CommandError(`There is no ${manifestFile}.`);
  const {
    blob: _blob,
    type: _type,
    format: _format,
    ...description
  } = JSON.parse(readFileSync(manifestFile, 'utf8')) as ModelDescription & {
    blob: unknown;
    type: unknown;
    format: unknown;
  };
  return { description, file: join(folder, 'model.onnx') };
}
