import { type DataLocationPolicy, type GrantClaims, type Pod, type PodResource, resourcePath, uuid } from '#contracts';
import { type Conditions, etagOf, requireConditions } from './conditions.js';
import { pageOfRows, placeOf } from './cursor.js';
import { podIdTaken, podNotFound, resourceNotFound, tooManyPods } from './pod.errors.js';
import type { PodRecord, PodRepository, ResourceRecord, ResourceStore } from './pod.ports.js';
import { requirePolicy } from './policy.system.js';

export interface PodSettings {
  /** Of this cluster. */
  readonly region: string;
  readonly maxPodsPerPerson: number;
  readonly maxPodBytes: number;
  readonly maxResourceBytes: number;
}

export interface Page {
  readonly cursor?: string;
  readonly limit: number;
}

/** A person's pods, as lists and places; the bytes are `ContentEngine`'s. A grant's subject sees its own pods only. */
export class PodEngine {
  constructor(
    private readonly settings: PodSettings,
    private readonly repository: PodRepository,
    private readonly store: ResourceStore,
  ) {}

  /** Again with the same id and policy it answers the pod that is there. */
  async create(claims: GrantClaims, podId: string, policy: DataLocationPolicy): Promise<Pod> {
    const { region, maxPodsPerPerson } = this.settings;
    requirePolicy('store', region, claims, policy);
    const known = await this.repository.find(podId);
    if (known && 'goneOwnerId' in known) throw podIdTaken();
    const made =
      known ?? (await this.repository.create({ podId, ownerId: claims.sub, region, policy }, maxPodsPerPerson));
    if (made === 'full') throw tooManyPods(maxPodsPerPerson);
    if (made.ownerId !== claims.sub || !isSamePolicy(made.policy, policy)) throw podIdTaken();
    return podOf(made);
  }

  async list(claims: GrantClaims, { cursor, limit }: Page) {
    const after = placeOf(cursor, (place) => uuid.safeParse(place).success);
    const rows = await this.repository.list(claims.sub, after, limit + 1);
    const { items, ...more } = pageOfRows(rows, limit, (row) => row.podId);
    return { items: items.map(podOf), ...more };
  }

  async get(claims: GrantClaims, podId: string): Promise<Pod> {
    return podOf(await this.owned(claims, podId));
  }

  /** Erases the bytes too. Again: nothing more to do. */
  async delete(claims: GrantClaims, podId: string): Promise<void> {
    const found = await this.repository.find(podId);
    const ownerId = found && ('goneOwnerId' in found ? found.goneOwnerId : found.ownerId);
    if (ownerId !== claims.sub) throw podNotFound();
    await this.repository.locked(podId, (pod) => pod.destroy());
    // The id is never given again, so nobody can put anything there meanwhile.
    await this.store.erasePod(podId);
  }

  async resources(claims: Pick<GrantClaims, 'sub'>, podId: string, prefix: string, { cursor, limit }: Page) {
    const pod = await this.owned(claims, podId);
    const afterPath = placeOf(cursor, (place) => resourcePath.safeParse(place).success);
    const rows = await this.repository.resources(pod, { prefix, afterPath, limit: limit + 1 });
    const { items, ...more } = pageOfRows(rows, limit, (row) => row.path);
    return { items: items.map(resourceOf), ...more };
  }

  async deleteResource(
    claims: Pick<GrantClaims, 'sub'>,
    podId: string,
    path: string,
    conditions: Conditions,
  ): Promise<void> {
    await this.owned(claims, podId);
    const removed = await this.repository.locked(podId, async (pod) => {
      const current = await pod.resource(path);
      if (!current) throw resourceNotFound();
      requireConditions(conditions, current);
      await pod.remove(path);
      return pod.record.key.contentTag(current.sha256);
    });
    if (removed === undefined) throw podNotFound();
    await eraseUnheld(this.repository, this.store, podId, removed);
  }

  /** The pod when it is the grant's subject's; otherwise `not_found`, whether it exists or not. */
  async owned(claims: Pick<GrantClaims, 'sub'>, podId: string): Promise<PodRecord> {
    const found = await this.repository.find(podId);
    if (!found || 'goneOwnerId' in found || found.ownerId !== claims.sub) throw podNotFound();
    return found;
  }
}

/**
 * Erases bytes that no resource has any more. A second step after the commit that let go of them, under the pod's lock: a
 * put of the same bytes either committed before, and is counted, or comes after, and writes them anew.
 */
export async function eraseUnheld(
  repository: PodRepository,
  store: ResourceStore,
  podId: string,
  contentTag: string,
): Promise<void> {
  await repository.locked(podId, async (pod) => {
    if ((await pod.holders(contentTag)) === 0) await store.erase(podId, contentTag);
  });
}

export function podOf({ createdAt, key: _key, ...pod }: PodRecord): Pod {
  return { ...pod, createdAt: createdAt.toISOString() };
}

export function resourceOf(resource: ResourceRecord): PodResource {
  const { path, contentType, sizeBytes, sha256, modifiedAt } = resource;
  return { path, contentType, sizeBytes, sha256, etag: etagOf(resource), modifiedAt: modifiedAt.toISOString() };
}

function isSamePolicy(one: DataLocationPolicy, other: DataLocationPolicy): boolean {
  return JSON.stringify(ordered(one)) === JSON.stringify(ordered(other));
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, ordered(member)]),
  );
}
