import type { ModelManifest, TensorSpec } from '#contracts';
import { WatershedError } from '#errors';
import type { ModelMetadata, TensorMetadata } from '../../server/model-server.port.js';

/** A tensor's shape on the wire, without the batch: servers of the protocol know no scalars, only one element. */
export const servedDims = ({ shape }: Pick<TensorSpec, 'shape'>): number[] => (shape.length === 0 ? [1] : [...shape]);

/** The shape that the server tells of a tensor: with the batch dimension in front where the model batches. */
const servedShape = (spec: Pick<TensorSpec, 'shape'>, maxBatchSize: number): number[] =>
  maxBatchSize > 0 ? [-1, ...servedDims(spec)] : servedDims(spec);

/** Throws `model_invalid` unless the server serves exactly the tensors that the manifest declares. */
export function compareMetadata(manifest: ModelManifest, served: ModelMetadata): void {
  compareTensors('input', manifest.inputs, served.inputs, manifest.maxBatchSize);
  compareTensors('output', manifest.outputs, served.outputs, manifest.maxBatchSize);
}

function compareTensors(
  kind: 'input' | 'output',
  declared: readonly TensorSpec[],
  served: readonly TensorMetadata[],
  maxBatchSize: number,
): void {
  const byName = new Map(served.map((tensor) => [tensor.name, tensor]));
  for (const spec of declared) {
    const found = byName.get(spec.name);
    if (!found) throw differs(`the model has no ${kind} of this name`, spec.name);
    if (found.datatype !== spec.datatype) throw differs(`the model's ${kind} is ${found.datatype}`, spec.name);
    const shape = servedShape(spec, maxBatchSize);
    const same = shape.length === found.shape.length && shape.every((size, i) => size === found.shape[i]);
    if (!same) throw differs(`the model's ${kind} has the shape [${found.shape.join(', ')}]`, spec.name);
  }
  if (byName.size !== declared.length) throw differs(`the model has ${byName.size} ${kind}s`, `${declared.length}`);
}

const differs = (what: string, tensor: string) =>
  new WatershedError('model_invalid', `The manifest does not describe its model: ${what}.`, { details: { tensor } });
