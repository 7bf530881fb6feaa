import { type ModelManifest, type ModelVersion, modelManifest } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { checkManifest, type OnnxFacts } from '#onnx-inspection';
import { isKnownRegion } from '#policy';
import { addSignature, digestOf, documentTyp, type Sigil, thumbprintOf, verifyDocument } from '#sigil';
import type { ModelBlobs, ModelCursor, ModelInspector, ModelStore, Publishers, ReviewState } from './model.ports.js';
import { mayMove } from './review.states.js';
import { newest } from './semver-order.js';

export interface ModelEngineOptions {
  readonly store: ModelStore;
  readonly blobs: ModelBlobs;
  readonly inspector: ModelInspector;
  readonly publishers: Publishers;
  /** Of the purpose `model`: what it approves, runners of this cluster believe. */
  readonly sigil: Sigil;
}

export interface Inspection extends OnnxFacts {
  readonly blob: ModelManifest['blob'];
  readonly memoryBytes: number;
  readonly maxBatchSize: number;
}

const typ = documentTyp.modelManifest;
const mebibyte = 1024 * 1024;

/** Versions of models: what they are is fixed when they are submitted, whether they are handed out is the review's to say. */
export class ModelEngine {
  readonly #options: ModelEngineOptions;

  constructor(options: ModelEngineOptions) {
    this.#options = options;
  }

  /** Throws `blob_unknown`, `model_invalid`; a file that is no model is not kept unless a version refers to it. */
  async inspect(sha256: string): Promise<Inspection> {
    const { blobs } = this.#options;
    const sizeBytes = await blobs.sizeOf(sha256);
    if (sizeBytes === undefined) throw unknownBlob();
    const facts = await this.#factsOf(sha256);
    return {
      ...facts,
      blob: { sha256, sizeBytes },
      memoryBytes: estimatedMemoryBytes(sizeBytes),
      // A file does not say which of its open dimensions is the batch; whole shapes are always right.
      maxBatchSize: 0,
    };
  }

  /**
   * Takes a version. Throws `signature_invalid`, `blob_unknown`, `digest_mismatch`, `region_unknown`, `model_invalid`, and
   * `model_exists` where this version has another content.
   */
  async submit(manifest: ModelManifest): Promise<ModelVersion> {
    const { store, blobs } = this.#options;
    await this.#verifyPublisher(manifest);
    const digest = digestOf(bodyOf(manifest));
    const existing = await store.find(manifest.name, manifest.version);
    if (existing) return sameOr(existing, digest);
    const unknown = manifest.regions.find((region) => !isKnownRegion(region));
    if (unknown) throw new WatershedError('region_unknown', `No region "${unknown}" is known here.`);
    const sizeBytes = await blobs.sizeOf(manifest.blob.sha256);
    if (sizeBytes === undefined) throw unknownBlob();
    if (sizeBytes !== manifest.blob.sizeBytes) {
      throw new WatershedError(
        'digest_mismatch',
        `The blob has ${sizeBytes} bytes, the manifest says ${manifest.blob.sizeBytes}.`,
      );
    }
    checkManifest(manifest, await this.#factsOf(manifest.blob.sha256));
    // Only the publisher's signature: what else stood under the document is nobody's we know.
    return sameOr(
      await store.add({ ...manifest, signatures: await this.#publisherSignature(manifest) }, digest),
      digest,
    );
  }

  /** The same decision again is the same; throws `model_unknown`, `conflict`, and at an approval what `submit` throws. */
  async review(request: {
    name: string;
    version: string;
    review: Exclude<ReviewState, 'submitted'>;
    reviewer: string;
  }): Promise<ModelVersion> {
    const { store, blobs, sigil } = this.#options;
    const found = await store.find(request.name, request.version);
    if (!found) throw unknownModel();
    if (found.review === request.review) return found;
    if (!mayMove(found.review, request.review)) {
      throw new WatershedError('conflict', `A version that is ${found.review} cannot become ${request.review}.`);
    }
    let { manifest } = found;
    if (request.review === 'approved') {
      // An operator may have left, or the blob may be gone, since it was submitted.
      await this.#verifyPublisher(manifest);
      if ((await blobs.sizeOf(manifest.blob.sha256)) !== manifest.blob.sizeBytes) throw unknownBlob();
      manifest = modelManifest.parse(await addSignature(manifest, sigil, { typ }));
    } else {
      // Nobody who is shown it later shall believe what no longer holds.
      manifest = { ...manifest, signatures: await this.#publisherSignature(manifest) };
    }
    const moved = await store.review(found, { review: request.review, manifest, reviewer: request.reviewer });
    if (moved) return moved;
    throw new WatershedError('conflict', 'Another reviewer decided on this version meanwhile.', { retryAfterMs: 0 });
  }

  /** One version, or the newest approved one. Throws `model_unknown`. */
  async find(name: string, version?: string): Promise<ModelVersion> {
    const { store } = this.#options;
    const found = version === undefined ? await this.#newest(name) : await store.find(name, version);
    if (!found) throw unknownModel();
    return found;
  }

  async #newest(name: string): Promise<ModelVersion | undefined> {
    const { store } = this.#options;
    for (;;) {
      const version = newest(await store.approved(name));
      const found = version && (await store.find(name, version.version));
      // One that was withdrawn in between is not among the approved when they are read again.
      if (!found || found.review === 'approved') return found;
    }
  }

  /** By name and serial. Throws `cursor_invalid`. */
  async page(request: {
    cursor?: string;
    limit: number;
    review?: ReviewState;
  }): Promise<{ items: ModelVersion[]; nextCursor?: string }> {
    const after = request.cursor === undefined ? undefined : cursorOf(request.cursor);
    const found = await this.#options.store.page(after, request.limit + 1, request.review);
    const items = found.slice(0, request.limit);
    const last = items.at(-1);
    if (!last || found.length === items.length) return { items };
    return { items, nextCursor: Buffer.from(JSON.stringify([last.name, last.serial])).toString('base64url') };
  }

  async #verifyPublisher(manifest: ModelManifest): Promise<void> {
    const key = await this.#options.publishers.keyOf(manifest.publisherId);
    if (!key || thumbprintOf(key) !== manifest.publisherId) {
      throw new WatershedError('signature_invalid', 'The publisher is not an operator of this cluster.');
    }
    await verifyDocument(manifest, { typ, key, purpose: 'operator' });
  }

  async #publisherSignature(manifest: ModelManifest): Promise<ModelManifest['signatures']> {
    const key = await this.#options.publishers.keyOf(manifest.publisherId);
    const proven = await Promise.all(
      manifest.signatures.map(async (signature) => {
        if (!key) return true; // withdrawn after its publisher left: keep what was checked when it came
        const alone = { ...manifest, signatures: [signature] };
        return verifyDocument(alone, { typ, key, purpose: 'operator' }).then(
          () => true,
          () => false,
        );
      }),
    );
    return manifest.signatures.filter((_, n) => proven[n]);
  }

  async #factsOf(sha256: string): Promise<OnnxFacts> {
    const { blobs, inspector, store } = this.#options;
    try {
      return await inspector.inspect(blobs.pathOf(sha256));
    } catch (error) {
      if (isWatershedError(error, 'model_invalid') && !(await store.isReferenced(sha256))) await blobs.remove(sha256);
      throw error;
    }
  }
}

/** Measured with ONNX Runtime on the CPU: loading takes twice the file at its peak, and the runtime itself some memory. */
function estimatedMemoryBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes * 2.1) + 64 * mebibyte;
}

function bodyOf(manifest: ModelManifest): object {
  const { signatures: _, ...body } = manifest;
  return body;
}

function sameOr(existing: ModelVersion, digest: string): ModelVersion {
  if (existing.digest === digest) return existing;
  throw new WatershedError(
    'model_exists',
    `Version ${existing.version} of ${existing.name} exists with another content. Choose another version.`,
  );
}

function cursorOf(text: string): ModelCursor {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (Array.isArray(parsed) && typeof parsed[0] === 'string' && Number.isSafeInteger(parsed[1])) {
      return { name: parsed[0], serial: parsed[1] };
    }
  } catch {
    // refused below
  }
  throw new WatershedError('cursor_invalid', 'This cursor is not one that this listing gave.');
}

const unknownBlob = () => new WatershedError('blob_unknown', 'The registry does not hold this blob. Upload it first.');
const unknownModel = () =>
  new WatershedError('model_unknown', 'The registry has no such model, or no approved version of it.');
