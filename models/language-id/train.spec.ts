import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { modelManifestBody } from '#contracts';
import { askOnnx } from './ask-onnx.js';
import { languages, modelFolder, readSentences, writtenSentences } from './corpus.js';
import { exportOnnx, importOnnx } from './export-onnx.js';
import { foldBytes } from './features.js';
import { f1Scores, score } from './score.js';
import { manifestOf, trainLanguageId } from './train.js';

const modelFile = join(modelFolder, 'model.onnx');
const shipped = new Uint8Array(readFileSync(modelFile));
const heldOut = languages.flatMap((language) =>
  readSentences(join(modelFolder, 'data', 'held-out', `${language}.txt`)).map((text) => ({ truth: language, text })),
);
const macroOf = (file: string): number => {
  const { answers } = askOnnx(
    file,
    heldOut.map(({ text }) => text),
  );
  const pairs = heldOut.map(({ truth }, index) => ({ truth, answer: answers[index]?.labels[0] ?? '' }));
  return f1Scores(languages, pairs).macro;
};

describe('features', () => {
  const folded = (text: string) => new TextDecoder().decode(foldBytes(new TextEncoder().encode(text)));

  test('capitals of Latin-1, Greek and Cyrillic become small, digits and marks become one space', () => {
    expect(folded('ÆBLE på ØEN 123!?')).toBe(' æble på øen ');
    expect(folded('ΑΒΓ ΡΣΩ')).toBe(' αβγ ρσω ');
    expect(folded('АБВ ПРЯ')).toBe(' абв пря ');
    expect(folded("L'eau, c'est là")).toBe(" l'eau, c'est là ");
    expect(folded('')).toBe(' ');
  });
});

describe('the ONNX graph', () => {
  const odd = [
    '',
    'a',
    ' ',
    ',',
    '\u0000',
    'Ж',
    'ΚΑΛΗΜΕΡΑ ΚΟΣΜΕ',
    'ÆBLEGRØD',
    'ЩЁ Ѐ',
    '🙂🙂',
    'x'.repeat(4096),
    'ا'.repeat(2048),
  ];
  const texts = [...odd, ...languages.flatMap((language) => writtenSentences(language).slice(0, 20))];
  const model = importOnnx(shipped);

  test('answers what the trainer computes, to 1e-4, the most probable first', () => {
    const { answers } = askOnnx(modelFile, texts);
    texts.forEach((text, index) => {
      const answer = answers[index] ?? { labels: [], probabilities: [] };
      const expected = new Map(score(model, text).map(({ label, probability }) => [label, probability]));
      expect(new Set(answer.labels)).toEqual(new Set(languages));
      expect(answer.probabilities).toEqual([...answer.probabilities].sort((a, b) => b - a));
      answer.labels.forEach((label, at) => {
        expect(Math.abs((answer.probabilities[at] ?? 0) - (expected.get(label) ?? 1))).toBeLessThan(1e-4);
      });
    });
  });

  test('copes with bytes that are not UTF-8', () => {
    const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256);
    const cut = new TextEncoder().encode('Это предложение').slice(0, 7);
    for (const { labels, probabilities } of askOnnx(modelFile, [noise, cut, Uint8Array.of(0xce), Uint8Array.of(0xd0)])
      .answers) {
      expect(labels).toHaveLength(languages.length);
      expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
    }
  });

  test('survives export and import unchanged', () => {
    expect(Buffer.from(exportOnnx(model)).equals(shipped)).toBe(true);
  });
});

describe('the manifest', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(modelFolder, 'manifest.json'), 'utf8'));
  const { publisherId: _publisher, createdAt: _created, ...body } = modelManifestBody;

  test('is a valid body of a model manifest', () => {
    expect(z.strictObject(body).parse(manifest)).toEqual(manifest);
  });

  test('names the file that lies beside it, its tensors and its parameters', () => {
    expect(manifest).toEqual(manifestOf(importOnnx(shipped), shipped));
    expect(manifest).toMatchObject({
      blob: { sha256: createHash('sha256').update(shipped).digest('hex'), sizeBytes: shipped.byteLength },
      outputs: [
        { name: 'labels', datatype: 'BYTES', shape: [languages.length] },
        { name: 'probabilities', datatype: 'FP32', shape: [languages.length] },
      ],
    });
    expect(shipped.byteLength).toBeLessThanOrEqual(4 * 1024 * 1024);
  });
});

describe('training anew', () => {
  const folder = mkdtempSync(join(tmpdir(), 'language-id-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('reproduces the score of the shipped file within 0.002', () => {
    const again = exportOnnx(trainLanguageId());
    const file = join(folder, 'again.onnx');
    writeFileSync(file, again);
    expect(existsSync(file)).toBe(true);
    // Equal bytes on the machine that trained it; elsewhere Math.exp may round otherwise, so the score decides.
    const same = Buffer.from(again).equals(shipped);
    console.log(`trained anew: ${same ? 'the same bytes' : 'other bytes'} as the shipped file`);
    expect(Math.abs(macroOf(file) - macroOf(modelFile))).toBeLessThanOrEqual(0.002);
  }, 180_000);
});
