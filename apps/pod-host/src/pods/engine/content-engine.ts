import type { Readable } from 'node:stream';
import { type GrantClaims, type PodResource, type PodTransferAction, podListingMaxBytes } from '#contracts';
import { WatershedError } from '#errors';
import { type ByteRange, byteRange } from './byte-range.js';
import { type Conditions, etagOf, isKnownToReader, requireConditions } from './conditions.js';
import { podFull, podNotFound, resourceNotFound, resourceTooLarge } from './pod.errors.js';
import type { PodRepository, RacePort, ResourceRecord, ResourceStore } from './pod.ports.js';
import { eraseUnheld, type PodEngine, type PodSettings, resourceOf } from './pod-engine.js';
import { requirePolicy } from './policy.system.js';

/** What a ticket is bound to. The claims are those of the grant under which it was asked for. */
export interface ContentBooking {
  readonly claims: Pick<GrantClaims, 'sub' | 'policy'>;
  readonly podId: string;
  readonly action: PodTransferAction;
}

export interface PutContent extends Conditions {
  readonly body: Readable;
  readonly contentType: string;
  readonly maxBytes: number;
}

export interface ContentAnswer {
  readonly resource: ResourceRecord;
  readonly etag: string;
  /** Absent: the caller has these bytes already. */
  readonly body?: Readable;
  readonly range?: ByteRange;
}

/**
 * Takes and gives the bytes of resources. A put is durable and whole or did not happen: the bytes are staged and synced,
 * then, with the pod locked, moved to the place that their hash names and told to the database, whose commit decides.
 */
export class ContentEngine {
  constructor(
    private readonly settings: PodSettings,
    private readonly pods: PodEngine,
    private readonly repository: PodRepository,
    private readonly store: ResourceStore,
    private readonly race?: RacePort,
  ) {}

  /** Checks what can be checked before the path is known; answers how many bytes the ticket allows. */
  async reserve(claims: GrantClaims, booking: Omit<ContentBooking, 'claims'>, sizeBytes?: number): Promise<number> {
    const { region, maxResourceBytes, maxPodBytes } = this.settings;
    const pod = await this.pods.owned(claims, booking.podId);
    if (booking.action === 'list') return podListingMaxBytes;
    if (booking.action === 'delete') return 1;
    requirePolicy(booking.action === 'put' ? 'store' : 'read', region, claims, pod.policy);
    if (booking.action === 'get') return maxResourceBytes;
    if (sizeBytes !== undefined && sizeBytes > maxResourceBytes) throw resourceTooLarge(maxResourceBytes);
    if (sizeBytes !== undefined && sizeBytes > maxPodBytes) throw podFull(maxPodBytes, maxPodBytes - pod.sizeBytes);
    // A ticket for nothing at all does not exist; an empty resource sends less than it may.
    return Math.max(1, sizeBytes ?? maxResourceBytes);
  }

  async put(
    booking: ContentBooking,
    path: string,
    given: PutContent,
  ): Promise<{ created: boolean; resource: PodResource }> {
    const { podId } = booking;
    const { key } = await this.pods.owned(booking.claims, podId);
    const staged = await this.store.stage(key, given.body, Math.min(given.maxBytes, this.settings.maxResourceBytes));
    try {
      const change = await this.repository.locked(podId, async (pod) => {
        if (pod.record.ownerId !== booking.claims.sub) throw podNotFound();
        requirePolicy('store', this.settings.region, booking.claims, pod.record.policy);
        const before = await pod.resource(path);
        requireConditions(given, before);
        const free = this.settings.maxPodBytes - pod.record.sizeBytes + (before?.sizeBytes ?? 0);
        if (staged.sizeBytes > free) throw podFull(this.settings.maxPodBytes, Math.max(0, free));
        await this.store.keep(podId, key.contentTag(staged.sha256), staged);
        await this.race?.reached('kept');
        const { sha256, sizeBytes } = staged;
        return { before, after: await pod.put({ path, contentType: given.contentType, sizeBytes, sha256 }) };
      });
      if (!change) throw podNotFound();
      if (change.before && change.before.sha256 !== staged.sha256) {
        await eraseUnheld(this.repository, this.store, podId, key.contentTag(change.before.sha256));
      }
      return { created: change.before === undefined, resource: resourceOf(change.after) };
    } catch (error) {
      // Moved already, but not committed: whether another resource has the same bytes decides if they stay.
      await eraseUnheld(this.repository, this.store, podId, key.contentTag(staged.sha256)).catch(() => undefined);
      throw error;
    } finally {
      await this.store.discard(staged);
    }
  }

  async get(
    booking: ContentBooking,
    path: string,
    asked: Conditions & { readonly range?: string },
  ): Promise<ContentAnswer> {
    const { podId } = booking;
    const pod = await this.pods.owned(booking.claims, podId);
    requirePolicy('read', this.settings.region, booking.claims, pod.policy);
    // Between looking and opening, the resource may be replaced and its old bytes erased: then look again.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const resource = await this.repository.resource(pod, path);
      if (!resource) throw resourceNotFound();
      const etag = etagOf(resource);
      if (isKnownToReader(asked, resource)) return { resource, etag };
      const range = byteRange(asked.range, resource.sizeBytes);
      const content = await this.store.open(podId, pod.key, resource.sha256);
      if (!content) continue;
      if (content.sizeBytes !== resource.sizeBytes) {
        await content.close();
        throw new WatershedError('internal', 'The resource is damaged. Tell the operator of this pod host.');
      }
      return { resource, etag, body: content.read(range), ...(range ? { range } : {}) };
    }
    throw new WatershedError(
      'internal',
      'The bytes of the resource are not there. Tell the operator of this pod host.',
    );
  }
}
