import { LRUCache } from 'lru-cache';
import { kekCheckValue, openBytes, sealBytes } from '#seal';
import { freshPodSecret, PodKey } from './engine/pod-key.js';

export const podKeyContext = (podId: string): string => `pod-key/${podId}`;

/** Pods' keys, which the database keeps wrapped by the KEK. A pod's key never changes, so it may be remembered. */
export class PodKeys {
  readonly #known = new LRUCache<string, PodKey>({ max: 10_000 });
  readonly #kek: Uint8Array;
  /** Of the KEK that these are wrapped by. */
  readonly checkValue: Uint8Array<ArrayBuffer>;

  constructor(kek: Uint8Array) {
    this.#kek = kek;
    this.checkValue = kekCheckValue(kek, 'pod-kek');
  }

  /** A new pod's key, wrapped. */
  wrapNew(podId: string): Uint8Array<ArrayBuffer> {
    return sealBytes(this.#kek, freshPodSecret(), podKeyContext(podId));
  }

  unwrap(podId: string, wrapped: Uint8Array | null): PodKey {
    const known = this.#known.get(podId);
    if (known) return known;
    if (!wrapped) throw new Error(`pod ${podId} has no key yet`);
    const key = new PodKey(openBytes(this.#kek, wrapped, podKeyContext(podId)));
    this.#known.set(podId, key);
    return key;
  }

  forget(podId: string): void {
    this.#known.delete(podId);
  }
}
