import { featuresOf } from './features.js';

/** A trained model as it is stored: weights of one byte, a scale a label. Rows are features, columns are labels. */
export interface LanguageModel {
  readonly labels: readonly string[];
  /** buckets × labels, row by row. */
  readonly weights: Int8Array;
  /** What one step of a label's weights is worth; the calibration's temperature is already in it. */
  readonly scales: Float32Array;
  readonly biases: Float32Array;
}

export interface ScoredLabel {
  readonly label: string;
  readonly probability: number;
}

export function softmax(logits: Float64Array): Float64Array {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * Logits: the sum of the rows' weights over √rows. A mean would give a long text no more certainty than a short one, a
 * sum would take neighbouring n-grams, which depend on each other, for independent witnesses.
 */
export function logitsOf(model: LanguageModel, utf8: Uint8Array): Float64Array {
  const rows = featuresOf(utf8);
  const width = model.labels.length;
  const sums = new Float64Array(width);
  for (const row of rows)
    for (let k = 0; k < width; k++) sums[k] = (sums[k] ?? 0) + (model.weights[row * width + k] ?? 0);
  return sums.map((sum, k) => (sum * (model.scales[k] ?? 0)) / Math.sqrt(rows.length) + (model.biases[k] ?? 0));
}

/** Labels with probabilities, the most probable first: what the ONNX graph answers, computed without ONNX Runtime. */
export function score(model: LanguageModel, text: string): ScoredLabel[] {
  const probabilities = softmax(logitsOf(model, new TextEncoder().encode(text)));
  return model.labels
    .map((label, k) => ({ label, probability: probabilities[k] ?? 0 }))
    .sort((a, b) => b.probability - a.probability);
}

export interface ClassScore {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** F1 a class and their unweighted mean, from pairs of what is and what was answered. */
export function f1Scores(
  labels: readonly string[],
  pairs: readonly { readonly truth: string; readonly answer: string }[],
): { readonly classes: ClassScore[]; readonly macro: number; readonly worst: number } {
  const classes = labels.map((label) => {
    const right = pairs.filter(({ truth, answer }) => truth === label && answer === label).length;
    const answered = pairs.filter(({ answer }) => answer === label).length;
    const present = pairs.filter(({ truth }) => truth === label).length;
    const precision = answered === 0 ? 0 : right / answered;
    const recall = present === 0 ? 0 : right / present;
    return { label, precision, recall, f1: right === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
  });
  const values = classes.map(({ f1 }) => f1);
  return { classes, macro: values.reduce((sum, f1) => sum + f1, 0) / values.length, worst: Math.min(...values) };
}
