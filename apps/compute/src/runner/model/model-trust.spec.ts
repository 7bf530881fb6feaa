import type { ModelVersion } from '#contracts';
import { addSignature, claimedSigners, digestOf, documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { sampleModel } from '../testing/sample-model.js';
import { SignedModelTrust } from './model-trust.adapter.js';

const typ = documentTyp.modelManifest;

/** A version signed by whom a test names. */
async function signed(publisher: Sigil, ...others: Sigil[]): Promise<ModelVersion> {
  const model = sampleModel({ manifest: { publisherId: publisher.thumbprint } });
  const { signatures: _, ...body } = model.manifest;
  let manifest = await signDocument(body, publisher, { typ });
  for (const sigil of others) manifest = await addSignature(manifest, sigil, { typ });
  return { ...model, digest: digestOf(body), manifest };
}

describe('SignedModelTrust', () => {
  let publisher: Sigil;
  let registry: Sigil;
  let stranger: Sigil;
  let trust: SignedModelTrust;

  beforeAll(async () => {
    [publisher, registry, stranger] = await Promise.all([
      generateSigil('operator'),
      generateSigil('model'),
      generateSigil('model'),
    ]);
    trust = new SignedModelTrust({
      registryKeys: () => [registry.publicJwk],
      publisherKey: async (id) => (id === publisher.thumbprint ? publisher.publicJwk : undefined),
      checkFile: async () => undefined,
    });
  });
  const refuses = (model: ModelVersion) =>
    expect(trust.verifyPapers(model)).rejects.toMatchObject({ code: 'signature_invalid' });

  it('believes what its publisher and a registry of the cluster signed', async () => {
    await expect(trust.verifyPapers(await signed(publisher, registry))).resolves.toBeUndefined();
  });

  it('refuses what no registry approved, or only a stranger', async () => {
    await refuses(await signed(publisher));
    await refuses(await signed(publisher, stranger));
  });

  it.each(['model', 'operator'] as const)('verifies the signature for the purpose %s itself', async (purpose) => {
    const model = await signed(publisher, registry);
    const signatures = model.manifest.signatures.map((each) =>
      claimedSigners({ signatures: [each] }).some((signer) => signer.purpose === purpose)
        ? { ...each, signature: Buffer.alloc(64, 1).toString('base64url') }
        : each,
    );
    await refuses({ ...model, manifest: { ...model.manifest, signatures } });
  });

  it('refuses a publisher whom governance does not list', async () => {
    await refuses(await signed(await generateSigil('operator'), registry));
  });

  it('refuses the papers of one model for another', async () => {
    const model = await signed(publisher, registry);
    await refuses({ ...model, name: 'org/other' });
    await refuses({ ...model, version: '2.0.0' });
    await refuses({ ...model, digest: '0'.repeat(64) });
  });

  it('refuses any changed member', async () => {
    const model = await signed(publisher, registry);
    const manifest = { ...model.manifest, memoryBytes: 1 };
    const { signatures: _, ...body } = manifest;
    await refuses({ ...model, manifest, digest: digestOf(body) });
  });
});
