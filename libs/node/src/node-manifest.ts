import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type NodeManifest, nodeManifest, nodeManifestBody } from '#contracts';
import { WatershedError } from '#errors';
import { addSignature, documentTyp, type Sigil, signDocument } from '#sigil';

const body = z.object(nodeManifestBody);

/** A manifest with both signatures that the index asks for: the node's own, and its operator's. */
export async function signedManifest(
  declared: z.input<typeof body>,
  nodeSigil: Sigil,
  operatorSigil: Sigil,
): Promise<NodeManifest> {
  // Defaults first: they would change what was signed.
  const doc = body.parse(declared);
  const once = await signDocument(doc, nodeSigil, { typ: documentTyp.nodeManifest, aud: doc.clusterId });
  return addSignature(once, operatorSigil, { typ: documentTyp.nodeManifest, aud: doc.clusterId });
}

/** An operator's key on this machine, or the manifest as they signed it elsewhere. */
export type ManifestSigner = { readonly operator: Sigil } | { readonly manifest: NodeManifest };

export async function readManifest(file: string): Promise<NodeManifest> {
  return nodeManifest.parse(JSON.parse(await readFile(file, 'utf8')));
}

const declarations = [
  'nodeId',
  'clusterId',
  'region',
  'url',
  'tlsFingerprint',
  'types',
  'services',
  'purposeKeys',
] as const;

/**
 * The manifest that was signed elsewhere, where it says what this node would declare of itself now. Its capabilities and
 * its time are those that the operator signed. Throws `manifest_invalid` with what differs.
 */
export function manifestFor(
  declared: Pick<z.input<typeof body>, (typeof declarations)[number]>,
  signed: NodeManifest,
): NodeManifest {
  const differs = declarations.find((name) => JSON.stringify(declared[name]) !== JSON.stringify(signed[name]));
  if (!differs) return signed;
  throw new WatershedError(
    'manifest_invalid',
    `The manifest that the operator signed names another ${differs} than this node has: start it so, or ask for a new one.`,
    { details: { differs } },
  );
}
