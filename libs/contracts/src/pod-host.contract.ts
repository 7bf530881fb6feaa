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

/**
 * A ticket for one resource's bytes. `PUT <url>` stores (headers Content-Type, If-Match / If-None-Match), answered with a
 * `podResource`; `GET <url>` reads, with ETag and Content-Type. Refused where the policy forbids this region.
 */
export const podReserve = defineMethod({
  name: 'pod-reserve',
  service: 'pod-host',
  request: z.object({
    grant,
    podId: uuid,
    path: resourcePath,
    direction: z.enum(['put', 'get']),
    sizeBytes: z.number().int().nonnegative().optional(),
  }),
  response: z.object({ ticket: transferTicket }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const podResources = defineMethod({
  name: 'pod-resources',
  service: 'pod-host',
  request: pageRequest.extend({ grant, podId: uuid, prefix: z.string().max(512).optional() }),
  response: pageOf(podResource),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const podDeleteResource = defineMethod({
  name: 'pod-delete-resource',
  service: 'pod-host',
  request: z.object({ grant, podId: uuid, path: resourcePath, ifMatch: z.string().max(100).optional() }),
  response: z.object({}),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});
