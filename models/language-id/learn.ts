import { buckets, featuresOf } from './features.js';
import { type LanguageModel, softmax } from './score.js';

export interface Example {
  readonly text: string;
  /** Column of its language. */
  readonly label: number;
  /** How much it counts beside the others of its language. */
  readonly weight: number;
}

export interface LearnOptions {
  readonly seed: number;
  readonly epochs: number;
  readonly learningRate: number;
  /** Shrinks a row each time it is touched, by learningRate × this. */
  readonly decay: number;
  /** Features seen in fewer examples than this stay at zero: they would only remember their one sentence. */
  readonly minExamples: number;
  /** Divides the logits of the finished model, so that its probabilities mean what they say. */
  readonly temperature: number;
}

export const defaultOptions: LearnOptions = {
  seed: 20_261_121,
  epochs: 10,
  learningRate: 0.3,
  decay: 0.001,
  minExamples: 2,
  temperature: 0.33,
};

/** mulberry32: small, seeded, the same everywhere. Numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [items[i], items[j]];
    if (a !== undefined && b !== undefined) [items[i], items[j]] = [b, a];
  }
}

/** A piece of 20 to 80 characters, cut at word ends where the script has them. */
export function piece(text: string, random: () => number): string {
  const characters = [...text];
  const wanted = 20 + Math.floor(random() * 61);
  if (characters.length <= wanted) return text;
  const start = Math.floor(random() * (characters.length - wanted + 1));
  const cut = characters.slice(start, start + wanted).join('');
  const first = start === 0 ? 0 : cut.indexOf(' ') + 1;
  const last = start + wanted === characters.length ? cut.length : cut.lastIndexOf(' ');
  return last - first >= 12 ? cut.slice(first, last) : cut;
}

/** What people do to a sentence: shout it, drop its marks, type another apostrophe, send a part of it. */
export function vary(text: string, random: () => number): string {
  let varied = random() < 0.5 ? piece(text, random) : text;
  if (random() < 0.3) varied = varied.replace(/[.!?¿¡。！？]+/g, '');
  if (random() < 0.5) varied = varied.replaceAll('’', "'");
  else if (random() < 0.3) varied = varied.replaceAll("'", '’');
  const dice = random();
  if (dice < 0.04) varied = varied.toUpperCase();
  else if (dice < 0.12) varied = varied.toLowerCase();
  return varied;
}

/**
 * Multinomial logistic regression over hashed n-grams by stochastic gradient descent with AdaGrad's step a row. Each
 * language weighs the same, however many examples it has. Deterministic: one seed, one order, plain double arithmetic.
 */
export function learn(labels: readonly string[], examples: readonly Example[], options: LearnOptions): LanguageModel {
  const width = labels.length;
  const encoder = new TextEncoder();
  const random = seededRandom(options.seed);
  const known = knownFeatures(examples, options.minExamples);
  const totals = new Float64Array(width);
  for (const { label, weight } of examples) totals[label] = (totals[label] ?? 0) + weight;
  const perClass = examples.length / width;

  const weights = new Float32Array(buckets * width);
  const squares = new Float32Array(buckets).fill(1e-4);
  const biases = new Float64Array(width);
  const order = [...examples];
  const logits = new Float64Array(width);
  const steps = options.epochs * order.length;
  let step = 0;
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    shuffle(order, random);
    for (const example of order) {
      const rate = options.learningRate * (1 - step++ / steps);
      const all = featuresOf(encoder.encode(vary(example.text, random)));
      const norm = Math.sqrt(all.length);
      const rows = all.filter((row) => known[row] === 1);
      logits.set(biases);
      for (const row of rows) {
        const at = row * width;
        for (let k = 0; k < width; k++) logits[k] = (logits[k] ?? 0) + (weights[at + k] ?? 0) / norm;
      }
      const gradient = softmax(logits);
      gradient[example.label] = (gradient[example.label] ?? 0) - 1;
      const importance = (example.weight * perClass) / (totals[example.label] ?? 1);
      let energy = 0;
      for (let k = 0; k < width; k++) {
        const g = ((gradient[k] ?? 0) * importance) / norm;
        energy += g * g;
        biases[k] = (biases[k] ?? 0) - rate * 0.02 * g;
        gradient[k] = g;
      }
      const keep = 1 - rate * options.decay;
      for (const row of rows) {
        const square = (squares[row] ?? 0) + energy;
        squares[row] = square;
        const stride = rate / Math.sqrt(square);
        const at = row * width;
        for (let k = 0; k < width; k++) weights[at + k] = (weights[at + k] ?? 0) * keep - stride * (gradient[k] ?? 0);
      }
    }
  }
  return quantise(labels, weights, biases, options.temperature);
}

function knownFeatures(examples: readonly Example[], minExamples: number): Uint8Array {
  const encoder = new TextEncoder();
  const seenIn = new Int32Array(buckets);
  for (const { text } of examples) {
    for (const row of new Set(featuresOf(encoder.encode(text)))) seenIn[row] = (seenIn[row] ?? 0) + 1;
  }
  return Uint8Array.from(seenIn, (count) => (count >= minExamples ? 1 : 0));
}

/** Eight bits a weight, a scale a label. Adding a constant to a row changes nothing, so rows are centred first. */
function quantise(
  labels: readonly string[],
  weights: Float32Array,
  biases: Float64Array,
  temperature: number,
): LanguageModel {
  const width = labels.length;
  const centred = new Float32Array(weights.length);
  const peaks = new Float64Array(width);
  for (let row = 0; row < buckets; row++) {
    const at = row * width;
    let mean = 0;
    for (let k = 0; k < width; k++) mean += (weights[at + k] ?? 0) / width;
    for (let k = 0; k < width; k++) {
      const value = (weights[at + k] ?? 0) - mean;
      centred[at + k] = value;
      peaks[k] = Math.max(peaks[k] ?? 0, Math.abs(value));
    }
  }
  const scales = Float64Array.from(peaks, (peak) => (peak === 0 ? 1 : peak / 127));
  return {
    labels,
    weights: Int8Array.from(centred, (value, i) => Math.round(value / (scales[i % width] ?? 1))),
    scales: Float32Array.from(scales, (scale) => scale / temperature),
    biases: Float32Array.from(biases, (bias) => bias / temperature),
  };
}
