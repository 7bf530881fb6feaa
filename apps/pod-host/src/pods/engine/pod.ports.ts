import type { Readable } from 'node:stream';
import type { DataLocationPolicy } from '#contracts';
import type { PodKey } from './pod-key.js';

export interface PodRecord {
  readonly podId: string;
  readonly ownerId: string;
  readonly region: string;
  readonly policy: DataLocationPolicy;
  readonly sizeBytes: number;
  readonly resourceCount: number;
  readonly createdAt: Date;
  /** Under which everything of it lies: with the pod it goes, and what backups still hold opens no more. */
  readonly key: PodKey;
}

export interface ResourceRecord {
  readonly path: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly modifiedAt: Date;
}

/** A pod that nobody else changes meanwhile; what is done through it is committed when the change returns. */
export interface LockedPod {
  readonly record: PodRecord;
  resource(path: string): Promise<ResourceRecord | undefined>;
  /** Puts the resource in the place of what lay there, and keeps the pod's totals. */
  put(resource: Omit<ResourceRecord, 'modifiedAt'>): Promise<ResourceRecord>;
  remove(path: string): Promise<void>;
  /** How many resources have the bytes of this tag. */
  holders(contentTag: string): Promise<number>;
  /** Deletes the pod with its resources, and remembers that its id is used up. */
  destroy(): Promise<void>;
}

/** What lies where. Durable when a call returns. */
export interface PodRepository {
  /** `gone`: this id was used and deleted by the owner named. */
  find(podId: string): Promise<PodRecord | { readonly goneOwnerId: string } | undefined>;
  /** Answers the pod that has this id afterwards, or `full` when the owner has `maxPods` already. */
  create(pod: Pick<PodRecord, 'podId' | 'ownerId' | 'region' | 'policy'>, maxPods: number): Promise<PodRecord | 'full'>;
  list(ownerId: string, afterPodId: string | undefined, limit: number): Promise<readonly PodRecord[]>;
  resource(pod: PodRecord, path: string): Promise<ResourceRecord | undefined>;
  /** In the order of their paths' bytes. */
  resources(
    pod: PodRecord,
    wanted: { readonly prefix: string; readonly afterPath: string | undefined; readonly limit: number },
  ): Promise<readonly ResourceRecord[]>;
  /** Undefined when there is no such pod; rolls back when `change` throws. */
  locked<Result>(podId: string, change: (pod: LockedPod) => Promise<Result>): Promise<Result | undefined>;
}

/** What lies plain, from before pods had keys. */
export interface PlainResources {
  /** The next one, of a pod that has a key when this answers; undefined when there are none left. */
  nextPlain(): Promise<{ readonly pod: PodRecord; readonly resource: ResourceRecord } | undefined>;
  /** Puts the sealed row in the place of the plain one. Within `keep` the pod is locked. */
  sealPlain(podId: string, resource: ResourceRecord, keep: () => Promise<void>): Promise<void>;
}

/** Bytes that arrived whole and lie on the disk under no name that counts yet. */
export interface StagedContent {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface StoredContent {
  readonly sizeBytes: number;
  /** Ends with an error when the bytes are not those of the hash, so that nobody takes them for whole. */
  read(range?: { readonly first: number; readonly last: number }): Readable;
  close(): Promise<void>;
}

/**
 * The bytes of resources, sealed under their pod's key and addressed by pod and content tag. Hashes are those of the bytes
 * as the owner sent them; the file's own form is the adapter's matter.
 * Errors: `storage_full`, `body_too_large`, `malformed_body`.
 */
export interface ResourceStore {
  stage(key: PodKey, source: Readable, maxBytes: number): Promise<StagedContent>;
  /** Durable under its tag when it resolves. Called while the pod is locked. */
  keep(podId: string, contentTag: string, staged: StagedContent): Promise<void>;
  /** Forgets what was staged, kept or not. */
  discard(staged: StagedContent): Promise<void>;
  /** Rejects where the file is not the one of these bytes. */
  open(podId: string, key: PodKey, sha256: string): Promise<StoredContent | undefined>;
  /** Called while the pod is locked. */
  erase(podId: string, contentTag: string): Promise<void>;
  erasePod(podId: string): Promise<void>;
  /** What a crash may have left: this instance's unfinished arrivals. */
  clearStaging(): Promise<void>;
  /** Arrivals of any instance that nobody has written to for so long; how many they were. */
  clearAbandoned(olderThanMs: number): Promise<number>;
  podIds(): Promise<readonly string[]>;
  /** Tags. */
  contents(podId: string): Promise<readonly string[]>;
  /** Bytes from before there were keys, under their hash; undefined where they are not. */
  openPlain(podId: string, sha256: string): Promise<Readable | undefined>;
}

/** Named moments that tests hold; nothing in production. */
export interface RacePort {
  reached(point: string): Promise<void>;
}
