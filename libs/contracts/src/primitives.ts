import { z } from 'zod';

/** SHA-256 thumbprint of a JWK (RFC 7638), base64url without padding: ids of clusters, nodes, operators and keys. */
export const thumbprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** UUIDv7 (RFC 9562), lower case. */
export const uuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

/** SHA-256 of some bytes, lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** An instant, RFC 3339 in UTC. */
export const instant = z.iso.datetime();

/** A place in the tree of regions, as `EU/FR`: upper-case segments, root first, at most six. */
export const region = z.string().regex(/^[A-Z][A-Z0-9-]{1,15}(\/[A-Z][A-Z0-9-]{1,15}){0,5}$/);

/** Micro-drops (1 drop = 1,000,000) as a decimal string, so that JSON cannot round them. */
export const amountMicro = z.string().regex(/^(0|-?[1-9][0-9]{0,30})$/);

/** The unit of an amount. `drop` is the federation's unit of account. */
export const asset = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

/**
 * A model's name, `organisation/model`. `--` is refused in both parts, because the model repository's name
 * `organisation--model` must be reversible. Published in the contract, and so without looking ahead: Go and Rust cannot.
 */
export const modelName = z
  .string()
  .regex(/^[a-z0-9]+(?:[-._][a-z0-9]+)*[-._]?\/[a-z0-9]+(?:[-._][a-z0-9]+)*[-._]?$/)
  .max(96);

/** A semantic version without build metadata. */
export const semver = z
  .string()
  .regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$/)
  .max(64);

export const serviceNames = [
  'gateway',
  'index',
  'pod-host',
  'orchestrator',
  'runner',
  'bridge',
  'registry',
  'toll',
  'governance',
] as const;
/** What answers bus calls. `orchestrator` and `runner` are the two roles of the app `compute`. */
export const serviceName = z.enum(serviceNames);
export type ServiceName = z.infer<typeof serviceName>;

export const nodeTypes = ['pod-host', 'compute', 'gateway', 'index', 'bridge', 'core'] as const;
/** Node types of the federation, and `core` for instances that are never advertised outside their cluster. */
export const nodeType = z.enum(nodeTypes);
export type NodeType = z.infer<typeof nodeType>;

/** A page of a listing: opaque cursor in, opaque cursor out, absent at the end. */
export const pageRequest = z.object({
  cursor: z.string().max(256).optional(),
  limit: z.number().int().min(1).max(200).default(50),
});
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().optional() });

declare const brand: unique symbol;
/** A string that only its schema or its maker may produce. */
export type Branded<Name extends string> = string & { readonly [brand]?: Name };
export type NodeId = Branded<'NodeId'>;
export type ClusterId = Branded<'ClusterId'>;
export type PersonId = Branded<'PersonId'>;
export type ModelName = Branded<'ModelName'>;
