import type { ModelManifest, TensorSpec } from '#contracts';
import { WatershedError } from '#errors';
import type { OnnxFacts } from './onnx-facts.js';

export type CheckedManifest = Pick<ModelManifest, 'inputs' | 'outputs' | 'maxBatchSize' | 'parameterCount' | 'text'>;

/**
 * Throws `model_invalid` unless the manifest describes this file: the same inputs and outputs (with the batch dimension
 * added where `maxBatchSize` > 0), no shape wider than the file's, the same number of parameters, and a text interface
 * whose tensors exist.
 */
export function checkManifest(manifest: CheckedManifest, facts: OnnxFacts): void {
  const problems = [
    ...compare('input', manifest.inputs, facts.inputs, manifest.maxBatchSize > 0),
    ...compare('output', manifest.outputs, facts.outputs, manifest.maxBatchSize > 0),
    ...(manifest.parameterCount === facts.parameterCount
      ? []
      : [`parameterCount is ${facts.parameterCount} in the file`]),
    ...textProblems(manifest),
  ];
  if (problems.length === 0) return;
  throw new WatershedError('model_invalid', `The manifest does not describe the model file: ${problems.join('; ')}.`, {
    details: { problems },
  });
}

function compare(
  kind: string,
  declared: readonly TensorSpec[],
  found: readonly TensorSpec[],
  batched: boolean,
): string[] {
  const problems: string[] = [];
  for (const name of new Set([...declared, ...found].map((spec) => spec.name))) {
    const mine = declared.filter((spec) => spec.name === name);
    const [spec] = mine;
    const real = found.find((each) => each.name === name);
    if (!spec) problems.push(`the file has an ${kind} "${name}"`);
    else if (!real) problems.push(`the file has no ${kind} "${name}"`);
    else if (mine.length > 1) problems.push(`the ${kind} "${name}" is declared twice`);
    else if (spec.datatype !== real.datatype) problems.push(`the ${kind} "${name}" is ${real.datatype} in the file`);
    else if (!fits(batched ? [-1, ...spec.shape] : spec.shape, real.shape)) {
      problems.push(`the ${kind} "${name}" has the shape [${real.shape.join(', ')}] in the file`);
    }
  }
  return problems;
}

/** A manifest may fix what the file leaves open, never the other way round. */
function fits(declared: readonly number[], real: readonly number[]): boolean {
  return declared.length === real.length && declared.every((size, n) => real[n] === -1 || size === real[n]);
}

function textProblems({ text, inputs, outputs, maxBatchSize }: CheckedManifest): string[] {
  if (!text) return [];
  const input = inputs.find(({ name }) => name === text.inputTensor);
  const labels = outputs.find(({ name }) => name === text.labelsTensor);
  const probabilities = outputs.find(({ name }) => name === text.probabilitiesTensor);
  const problems: string[] = [];
  if (input?.datatype !== 'UINT8' || input.shape.length !== 1)
    problems.push('text.inputTensor must be UINT8, one dimension');
  if (input && input.shape[0] !== -1) problems.push('text.inputTensor must take any size');
  if (inputs.length !== 1) problems.push('a text model has one input');
  if (labels?.datatype !== 'BYTES') problems.push('text.labelsTensor must be an output of BYTES');
  if (probabilities?.datatype !== 'FP32') problems.push('text.probabilitiesTensor must be an output of FP32');
  if (maxBatchSize > 0) problems.push('a text model takes one text at a time, maxBatchSize must be 0');
  return problems;
}
