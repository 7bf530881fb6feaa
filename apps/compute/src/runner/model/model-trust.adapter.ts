import { type ModelVersion, modelManifest, type PublicJwk } from '#contracts';
import { WatershedError } from '#errors';
import { claimedSigners, digestOf, documentTyp, thumbprintOf, verifyDocument } from '#sigil';
import type { ModelTrust } from './engine/model.ports.js';

export interface ModelTrustOptions {
  /** Keys with which the cluster's registries sign what their review approved. */
  readonly registryKeys: () => readonly PublicJwk[];
  /** The public key of an operator who may publish models; asks governance. */
  readonly publisherKey: (operatorId: string) => Promise<PublicJwk | undefined>;
  /** Rejects with `model_invalid` unless the file is ONNX of standard operators with the manifest's tensors. */
  readonly checkFile: (path: string, model: ModelVersion) => Promise<void>;
}

const refused = (reason: string) =>
  new WatershedError('signature_invalid', `The model's manifest is refused: ${reason}.`, { details: { reason } });

/** Believes a manifest by its signatures alone, whoever handed it over: the bus, the orchestrator, a mirror. */
export class SignedModelTrust implements ModelTrust {
  constructor(private readonly options: ModelTrustOptions) {}

  async verifyPapers(model: ModelVersion): Promise<void> {
    const { manifest } = model;
    if (manifest.name !== model.name || manifest.version !== model.version) throw refused('it is of another model');
    const { signatures: _, ...body } = modelManifest.parse(manifest);
    if (digestOf(body) !== model.digest) throw refused('its digest is another one');
    const signers = claimedSigners(manifest);
    const approver = this.options
      .registryKeys()
      .find((key) => signers.some((signer) => signer.purpose === 'model' && signer.kid === thumbprintOf(key)));
    if (!approver) throw refused('no registry of this cluster approved it');
    await verifyDocument(manifest, { typ: documentTyp.modelManifest, key: approver, purpose: 'model' });
    const publisher = await this.options.publisherKey(manifest.publisherId);
    if (!publisher || thumbprintOf(publisher) !== manifest.publisherId) throw refused('its publisher is not known');
    await verifyDocument(manifest, { typ: documentTyp.modelManifest, key: publisher, purpose: 'operator' });
  }

  verifyFile(model: ModelVersion, path: string): Promise<void> {
    return this.options.checkFile(path, model);
  }
}
