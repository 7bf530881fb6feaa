import { z } from 'zod';
import { instant, nodeType, region, serviceName, sha256, thumbprint } from './primitives.js';

/** An Ed25519 (or X25519) public key as a JWK (RFC 8037). */
export const publicJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.enum(['Ed25519', 'X25519']),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type PublicJwk = z.infer<typeof publicJwk>;

/** What a key may sign. A signature made for another purpose is refused. */
export const keyPurposes = [
  'root', // a cluster's genesis: signs delegations, nothing else
  'operator', // a person who runs nodes: node manifests, decisions, model manifests they publish
  'node', // a service instance: its own manifest
  'grant', // gateway: what it lets another service do for a person
  'token', // gateway: bearer tokens of the built-in issuer
  'descriptor', // bridge: the cluster's descriptor
  'model', // registry: model manifests it approved
  'price', // toll: price lists
  'membership', // governance: memberships and audits
] as const;
export const keyPurpose = z.enum(keyPurposes);
export type KeyPurpose = z.infer<typeof keyPurpose>;

/** One detached JWS (RFC 7515) over the JCS (RFC 8785) form of the document without `signatures`. */
export const documentSignature = z.object({ protected: z.string().max(4096), signature: z.string().max(512) });

/** A document and who signed it, in the form in which A2A cards are signed. */
export const signedDocument = <Body extends z.ZodRawShape>(body: Body) =>
  z.object({ ...body, signatures: z.array(documentSignature).min(1).max(8) });

export const nodeManifestBody = {
  type: z.literal('watershed/node-manifest'),
  nodeId: thumbprint,
  clusterId: thumbprint,
  region,
  types: z.array(nodeType).min(1),
  services: z.array(serviceName).min(1),
  key: publicJwk,
  /** Keys of one purpose each that this node signs with, by which others verify its grants and lists. */
  purposeKeys: z.array(z.object({ purpose: keyPurpose, key: publicJwk })).default([]),
  /** Where it takes content over HTTP, if it does. */
  url: z.url().optional(),
  /** SHA-256 of the certificate (DER) that it shows there, where it speaks TLS itself. */
  tlsFingerprint: sha256.optional(),
  operatorId: thumbprint,
  capabilities: z
    .object({
      podStorageBytes: z.number().int().nonnegative().optional(),
      largestPodBytes: z.number().int().nonnegative().optional(),
      gpuMemoryBytes: z.number().int().nonnegative().optional(),
      modelMemoryBytes: z.number().int().nonnegative().optional(),
    })
    .default({}),
  issuedAt: instant,
};
/** What a node declares of itself, signed by its own key and by its operator's. */
export const nodeManifest = signedDocument(nodeManifestBody);
export type NodeManifest = z.infer<typeof nodeManifest>;

export const clusterDelegation = signedDocument({
  type: z.literal('watershed/delegation'),
  clusterId: thumbprint,
  epoch: z.number().int().positive(),
  rootKey: publicJwk,
  /** SHA-256 (base64url) of the JCS form of the next root's public JWK, so that a root can be handed over. */
  nextRootHash: thumbprint,
  keys: z.array(z.object({ purpose: keyPurpose, key: publicJwk, notBefore: instant, notAfter: instant })).min(1),
  issuedAt: instant,
});
export type ClusterDelegation = z.infer<typeof clusterDelegation>;

export const clusterDescriptor = signedDocument({
  type: z.literal('watershed/descriptor'),
  clusterId: thumbprint,
  name: z.string().min(1).max(80),
  region,
  bridgeUrls: z.array(z.url()).max(8),
  protocolVersions: z.array(z.string()).min(1),
  capabilities: z.array(z.string()),
  epoch: z.number().int().positive(),
  sequence: z.number().int().nonnegative(),
  issuedAt: instant,
  expiresAt: instant,
});
export type ClusterDescriptor = z.infer<typeof clusterDescriptor>;
