import { z } from 'zod';
import { defineMethod } from './method.js';
import { dataLocationPolicy } from './policy.js';
import { instant, pageOf, pageRequest, region, sha256, uuid } from './primitives.js';
import { transferTicket } from './transfer.contract.js';

export const pod = z.object({
  podId: uuid,
  ownerId: uuid,
  region,
  policy: dataLocationPolicy,
  sizeBytes: z.number().int().nonnegative(),
  resourceCount: z.number().int().nonnegative(),
  createdAt: instant,
});
export type Pod = z.infer<typeof pod>;

/** `a/b/c.ttl`: no empty segment, no `.` or `..`, no control character, at most 512 characters. */
export const resourcePath = z
  .string()
  .min(1)
  .max(512)
  .refine(
    (path) =>
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\p{Cc}\\]/u.test(part)),
    {
      error:
        'a path has segments separated by single slashes, none of them empty, "." or "..", no control character or backslash in them',
    },
  );

export const podResource = z.object({
  path: resourcePath,
  contentType: z.string().max(200),
  sizeBytes: z.number().int().nonnegative(),
  sha256,
  etag: z.string(),
  modifiedAt: instant,
});
export type PodResource = z.infer<typeof podResource>;

const grant = z.string().max(4096);

export const podCreate = defineMethod({
  name: 'pod-create',
  service: 'pod-host',
  request: z.object({ grant, podId: uuid, policy: dataLocationPolicy }),
  response: pod,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const podList = defineMethod({
  name: 'pod-list',
  service: 'pod-host',
  request: pageRequest.extend({ grant }),
  response: pageOf(pod),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const podGet = defineMethod({
  name: 'pod-get',
  service: 'pod-host',
  request: z.object({ grant, podId: uuid }),
  response: pod,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const podDelete = defineMethod({
  name: 'pod-delete',
  service: 'pod-host',
  request: z.object({ grant, podId: uuid }),
  response: z.object({}),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 10_000,
});

/** What a ticket of the pod host is good for, once. */
export const podTransferAction = z.enum(['put', 'get', 'delete', 'list']);
export type PodTransferAction = z.infer<typeof podTransferAction>;

/** Carries the path of a resource, percent-encoded UTF-8: people name their files, and neither bus nor URL may tell how. */
export const resourcePathHeader = 'watershed-resource-path';

/** Where a page of resources ended: as long as the longest path needs. */
export const resourceCursor = z.string().max(2_800);
/** The body of a listing. */
export const podListing = pageRequest.extend({
  prefix: z.string().max(512).optional(),
  cursor: resourceCursor.optional(),
});
export const podListingPage = pageOf(podResource);
/** Of a listing's body, at most. */
export const podListingMaxBytes = 16_384;

/**
 * A ticket for one transfer; which resource is told by HTTP alone, in `watershed-resource-path`. `PUT <url>` stores
 * (Content-Type, If-Match, If-None-Match), answered with a `podResource`; `GET <url>` reads, with ETag and Content-Type;
 * `DELETE <url>` deletes (If-Match), answered with 204; `POST <url>` lists: a `podListing`, answered with a
 * `podListingPage`. Refused where the policy forbids this region.
 */
export const podReserve = defineMethod({
  name: 'pod-reserve',
  service: 'pod-host',
  request: z.object({
    grant,
    podId: uuid,
    action: podTransferAction,
    /** Of what will be put. */
    sizeBytes: z.number().int().nonnegative().optional(),
  }),
  response: z.object({ ticket: transferTicket }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});
