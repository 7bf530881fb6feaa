import { createHash } from 'node:crypto';
import { conditionFailed } from './pod.errors.js';
import type { ResourceRecord } from './pod.ports.js';

/** The conditions of a request (RFC 9110, 13.1), as their headers stand. */
export interface Conditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

/** A strong validator: changes exactly when the bytes or their type do. */
export function etagOf(resource: Pick<ResourceRecord, 'sha256' | 'contentType'>): string {
  const hash = createHash('sha256').update(`${resource.sha256}\n${resource.contentType}`).digest('base64url');
  return `"${hash.slice(0, 27)}"`;
}

const listed = (header: string): readonly string[] => header.split(',').map((tag) => tag.trim());

/** If-Match compares strongly: a weak tag never fits. */
const matchesStrongly = (header: string, etag: string | undefined): boolean =>
  etag !== undefined && (header.trim() === '*' || listed(header).includes(etag));

const matchesWeakly = (header: string, etag: string | undefined): boolean =>
  etag !== undefined && (header.trim() === '*' || listed(header).some((tag) => tag.replace(/^W\//, '') === etag));

/** Before a change: throws `conflict` when what is there is not what the caller thought. */
export function requireConditions(conditions: Conditions, current: ResourceRecord | undefined): void {
  const etag = current && etagOf(current);
  if (conditions.ifMatch !== undefined && !matchesStrongly(conditions.ifMatch, etag)) throw conditionFailed();
  if (conditions.ifNoneMatch !== undefined && matchesWeakly(conditions.ifNoneMatch, etag)) throw conditionFailed();
}

/** Before an answer: whether the caller has these bytes already. */
export function isKnownToReader(conditions: Conditions, current: ResourceRecord): boolean {
  return conditions.ifNoneMatch !== undefined && matchesWeakly(conditions.ifNoneMatch, etagOf(current));
}
