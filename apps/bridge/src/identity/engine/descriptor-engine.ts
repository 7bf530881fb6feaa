import { type ClusterDelegation, clusterDescriptor } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { delegatedKeys, digestOf, documentTyp, type Sigil, signDocument } from '#sigil';
import type { DescriptorContent, DescriptorStore, IssuedDescriptor } from './identity.ports.js';

export interface DescriptorEngineOptions {
  readonly store: DescriptorStore;
  /** Of the purpose `descriptor`. */
  readonly sigil: Sigil;
  /** As this bridge read it at its start. */
  readonly delegation: ClusterDelegation;
  /** Asked when a descriptor is issued: a bridge may learn its own address only after it has started to listen. */
  readonly content: () => DescriptorContent;
  readonly ttlMs: number;
  /** How old the held descriptor may be before the store is asked whether another bridge issued a newer one. */
  readonly rereadAfterMs?: number;
  readonly now?: () => number;
}

const attempts = 16;

/**
 * Issues the cluster's descriptor. Its number (epoch, sequence) only rises and stands for one content for ever: the
 * store takes a descriptor by compare-and-set before anyone sees it, so that bridges side by side, and one that was
 * killed between signing and answering, never give one number twice.
 */
export class DescriptorEngine {
  readonly #options: DescriptorEngineOptions;
  readonly #now: () => number;
  #held: { issued: IssuedDescriptor; readAtMs: number } | undefined;
  #refreshing: Promise<IssuedDescriptor> | undefined;
  #saidOwn = false;

  constructor(options: DescriptorEngineOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The newest descriptor and its delegation. While the database is away, the last one serves until it expires. */
  async current(): Promise<IssuedDescriptor> {
    const held = this.#held;
    const fresh = held && this.#now() - held.readAtMs < (this.#options.rereadAfterMs ?? 5_000);
    if (fresh && !this.#isEnding(held.issued)) return held.issued;
    try {
      return await this.refresh();
    } catch (error) {
      if (held && this.#expiresInMs(held.issued) > 0 && isWatershedError(error)) return held.issued;
      throw error;
    }
  }

  /** Reads the newest descriptor, and issues one where there is none, where it nears its end, or where ours says more. */
  refresh(): Promise<IssuedDescriptor> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<IssuedDescriptor> {
    const { store, delegation } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const latest = await store.latest(delegation.clusterId);
      if (latest && this.#stands(latest)) return this.#hold(latest);
      const next = await this.#issue(latest);
      if (await store.replace(latest, next)) return this.#hold(next);
    }
    throw new WatershedError('conflict', 'Other bridges of this cluster keep issuing descriptors. Try again.', {
      retryAfterMs: 1_000,
    });
  }

  #hold(issued: IssuedDescriptor): IssuedDescriptor {
    this.#saidOwn = true;
    this.#held = { issued, readAtMs: this.#now() };
    return issued;
  }

  /**
   * Only a bridge that has just started puts its own content in the place of another; from then on it says what the
   * newest one says, so that two bridges with different settings do not answer each other for ever.
   */
  #stands(latest: IssuedDescriptor): boolean {
    if (this.#isEnding(latest) || latest.descriptor.epoch < this.#options.delegation.epoch) return false;
    return this.#saidOwn || latest.contentDigest === digestOf(this.#options.content());
  }

  async #issue(previous: IssuedDescriptor | undefined): Promise<IssuedDescriptor> {
    const { sigil, ttlMs } = this.#options;
    const delegation = this.#newest(previous?.delegation);
    const now = this.#now();
    const delegated = delegatedKeys(delegation, 'descriptor', now).some((key) => key.x === sigil.publicJwk.x);
    if (!delegated) {
      throw new WatershedError(
        'signature_invalid',
        'The cluster’s delegation does not name this bridge’s descriptor key now.',
      );
    }
    const content = this.#options.content();
    const body = {
      type: documentTyp.descriptor,
      clusterId: delegation.clusterId,
      ...content,
      epoch: delegation.epoch,
      sequence: previous ? previous.descriptor.sequence + 1 : 0,
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(Math.min(now + ttlMs, keyEndMs(delegation, sigil))).toISOString(),
    };
    const descriptor = clusterDescriptor.parse(await signDocument(body, sigil, { typ: documentTyp.descriptor }));
    return { descriptor, delegation, contentDigest: digestOf(content) };
  }

  /** Another bridge may have read a younger delegation than we did; an older one would turn the epoch back. */
  #newest(stored: ClusterDelegation | undefined): ClusterDelegation {
    const own = this.#options.delegation;
    return stored && stored.epoch > own.epoch ? stored : own;
  }

  #expiresInMs({ descriptor }: IssuedDescriptor): number {
    return Date.parse(descriptor.expiresAt) - this.#now();
  }

  #isEnding(issued: IssuedDescriptor): boolean {
    const lifeMs = Date.parse(issued.descriptor.expiresAt) - Date.parse(issued.descriptor.issuedAt);
    return this.#expiresInMs(issued) < lifeMs / 2;
  }
}

function keyEndMs(delegation: ClusterDelegation, sigil: Sigil): number {
  const ends = delegation.keys
    .filter((each) => each.purpose === 'descriptor' && each.key.x === sigil.publicJwk.x)
    .map((each) => Date.parse(each.notAfter));
  return Math.max(...ends);
}
