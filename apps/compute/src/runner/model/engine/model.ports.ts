import type { ModelVersion } from '#contracts';
import type { ModelMetadata } from '../../server/model-server.port.js';

/** A version as it is put where the model server reads. */
export interface HostedVersion {
  readonly model: ModelVersion;
  /** The verified model file. */
  readonly blobPath: string;
}

/** Puts versions of one model before the model server, and takes them away. */
export interface ModelHost {
  /** Starts the server if it is ours and down. */
  ready(): Promise<void>;
  /** Makes exactly these versions of the model served; a reload where some were served before. */
  load(name: string, versions: readonly HostedVersion[]): Promise<void>;
  /** Takes the model away with all its versions. */
  unload(name: string): Promise<void>;
  /** Deletes what `load` wrote for a version that is not served any longer. */
  discard(model: ModelVersion): Promise<void>;
  metadata(model: ModelVersion): Promise<ModelMetadata>;
  /** Whether the server lets go of all that it holds of an unloaded version, within `limitMs`. */
  freed(model: ModelVersion, limitMs: number): Promise<boolean>;
  /** What was asked of the model and is not answered fails as crashed, now. */
  giveUp(model: ModelVersion, why: string): void;
  /**
   * Ends the version's processes, whatever they do, and resolves when what they held is free. Absent where they are not ours
   * to end.
   */
  readonly kill?: (model: ModelVersion) => Promise<void>;
  /** Inferences of a version that succeeded since it was loaded; undefined where the server does not say. */
  successes(model: ModelVersion): Promise<number | undefined>;
}

export interface BlobPort {
  /** The path of the blob's verified file, fetched if it is not here. Rejects with `digest_mismatch`, `storage_full`, … */
  obtain(blob: { sha256: string; sizeBytes: number }): Promise<string>;
  /** From now on it may be evicted, when room is needed. */
  release(sha256: string): void;
}

export interface ModelTrust {
  /** Publisher's and registry's signatures; rejects with `signature_invalid`. */
  verifyPapers(model: ModelVersion): Promise<void>;
  /** Models are code: rejects with `model_invalid` for custom operators, outside files, other tensors than declared. */
  verifyFile(model: ModelVersion, path: string): Promise<void>;
}

export interface LifecycleLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
