/**
 * The protected `typ` of each kind of signed document: the same text as its `type` member. A signature over one kind is
 * thereby never one over another, even where two kinds share a shape.
 */
export const documentTyp = {
  nodeManifest: 'watershed/node-manifest',
  delegation: 'watershed/delegation',
  descriptor: 'watershed/descriptor',
  modelManifest: 'watershed/model-manifest',
  priceList: 'watershed/price-list',
  membershipDecision: 'watershed/membership-decision',
  proposal: 'watershed/proposal',
  ballot: 'watershed/ballot',
} as const;
