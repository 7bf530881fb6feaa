import { z } from 'zod';
import { type NodeManifest, nodeManifestBody } from '#contracts';
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
