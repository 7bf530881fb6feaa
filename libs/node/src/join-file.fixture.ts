import { addSignature, documentTyp, generateSigil } from '#sigil';
import { type JoinFile, nodeKey } from './join-file.js';

/** What an operator hands to whoever runs a runner with this data folder. */
export async function joinFileFor(
  dataDir: string,
  gateway: Pick<JoinFile, 'gatewayUrl' | 'gatewayFingerprint'>,
  declared: Partial<Pick<JoinFile['manifest'], 'url' | 'tlsFingerprint'>> = {},
): Promise<JoinFile> {
  const [node, operator] = await Promise.all([nodeKey(dataDir, 'runner'), generateSigil('operator')]);
  const clusterId = 'C'.repeat(43);
  const manifest = await addSignature(
    {
      type: 'watershed/node-manifest' as const,
      nodeId: node.thumbprint,
      clusterId,
      region: 'EU/FR',
      types: ['compute' as const],
      services: ['runner' as const],
      key: node.publicJwk,
      purposeKeys: [],
      capabilities: {},
      operatorId: operator.thumbprint,
      issuedAt: new Date().toISOString(),
      signatures: [],
      ...declared,
    },
    operator,
    { typ: documentTyp.nodeManifest, aud: clusterId },
  );
  return { type: 'watershed/join', ...gateway, clusterName: 'test', ticket: 'T'.repeat(43), manifest };
}
