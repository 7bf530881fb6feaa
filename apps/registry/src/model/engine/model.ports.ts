import type { ModelManifest, ModelVersion, PublicJwk } from '#contracts';
import type { OnnxFacts } from '#onnx-inspection';

export type ReviewState = ModelVersion['review'];

/** A place in the order of (name, serial). */
export interface ModelCursor {
  readonly name: string;
  readonly serial: number;
}

/** A version's primary key. */
export interface VersionId {
  readonly name: string;
  readonly version: string;
}

/** Where versions are kept. Writes announce themselves in the same transaction. */
export interface ModelStore {
  find(name: string, version: string): Promise<ModelVersion | undefined>;
  /** Which versions of a model are approved; what is in them is read apart. */
  approved(name: string): Promise<readonly VersionId[]>;
  page(after: ModelCursor | undefined, limit: number, review?: ReviewState): Promise<readonly ModelVersion[]>;
  /** Adds a version under the next serial of its model; answers the one that is there where another was first. */
  add(manifest: ModelManifest, digest: string): Promise<ModelVersion>;
  /** Moves the review on from `expected`; undefined where it stands elsewhere by now. */
  review(
    version: ModelVersion,
    change: { review: ReviewState; manifest: ModelManifest; reviewer: string },
  ): Promise<ModelVersion | undefined>;
  isReferenced(blobSha256: string): Promise<boolean>;
  /** Approved versions that have this blob, by name and version: the first `limit` of those behind `after`. */
  approvedWith(blobSha256: string, page: { after?: VersionId; limit: number }): Promise<VersionId[]>;
}

export interface ModelBlobs {
  pathOf(sha256: string): string;
  sizeOf(sha256: string): Promise<number | undefined>;
  remove(sha256: string): Promise<void>;
}

export interface Publishers {
  /** The key of an operator of this cluster; undefined for anyone else. */
  keyOf(operatorId: string): Promise<PublicJwk | undefined>;
}

export interface ModelInspector {
  /** Throws `model_invalid`. */
  inspect(path: string): Promise<OnnxFacts>;
}
