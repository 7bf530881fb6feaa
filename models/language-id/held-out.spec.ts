import { join } from 'node:path';
import { franc } from 'franc';
import { detect } from 'tinyld';
import { askOnnx } from './ask-onnx.js';
import {
  declarationSentences,
  languages,
  lexiconLines,
  modelFolder,
  readSentences,
  writtenSentences,
} from './corpus.js';
import { seededRandom } from './learn.js';
import { nearDuplicates } from './near-duplicate.js';
import { type ClassScore, f1Scores } from './score.js';

/** Sentences of another hand than the training ones, one file a language; nothing is ever trained or tuned on them. */
const heldOut = languages.map((language) => ({
  language,
  sentences: readSentences(join(modelFolder, 'data', 'held-out', `${language}.txt`)),
}));
const all = heldOut.flatMap(({ language, sentences }) => sentences.map((text) => ({ truth: language, text })));

/** ISO 639-3, which franc speaks, beside our ISO 639-1; tinyld knows Norwegian as `no` alone. */
// biome-ignore format: a table reads better
const iso6393: Readonly<Record<string, string>> = {
  en: 'eng', de: 'deu', fr: 'fra', es: 'spa', pt: 'por', it: 'ita', nl: 'nld', da: 'dan', sv: 'swe', nb: 'nob',
  fi: 'fin', pl: 'pol', tr: 'tur', ru: 'rus', uk: 'ukr', el: 'ell', ar: 'arb', ja: 'jpn', zh: 'cmn',
};
const fromIso6393 = new Map(Object.entries(iso6393).map(([two, three]) => [three, two]));

function trainingTexts(language: string): string[] {
  const words = lexiconLines(language, seededRandom(languages.indexOf(language)));
  return [...writtenSentences(language), ...declarationSentences(language), ...words];
}

describe('the held-out sentences', () => {
  test.each(heldOut)('$language: at least 50, of 20 to 80 characters, none twice', ({ sentences }) => {
    expect(sentences.length).toBeGreaterThanOrEqual(50);
    const outside = sentences.filter((text) => [...text].length < 20 || [...text].length > 80);
    expect(outside).toEqual([]);
    expect(new Set(sentences).size).toBe(sentences.length);
  });

  test.each(heldOut)(
    '$language: none is nearly a sentence that the model was trained on',
    ({ language, sentences }) => {
      expect(nearDuplicates(sentences, trainingTexts(language))).toEqual([]);
    },
  );

  test('a planted near-duplicate is caught, of a written sentence and of a piece of the Declaration', () => {
    const written = writtenSentences('en')[10] ?? '';
    const declaration = declarationSentences('en').find((text) => text.length > 100) ?? '';
    const planted = [`Well, ${written.toLowerCase().replace(/[.?!]$/, ' !')}`, declaration.slice(20, 75)];
    const innocent = 'Nobody here owns a purple submarine with curtains.';
    const caught = nearDuplicates([innocent, ...planted], trainingTexts('en'));
    expect(new Set(caught.map(({ sentence }) => sentence))).toEqual(new Set(planted));
  });
});

const percent = (value: number): string => (value * 100).toFixed(1).padStart(6);

test('macro-F1 is at least 0.95 and no language is below 0.85, through ONNX Runtime', () => {
  const { answers, meanMs } = askOnnx(
    join(modelFolder, 'model.onnx'),
    all.map(({ text }) => text),
  );
  const scoreOf = (answer: (text: string, index: number) => string) =>
    f1Scores(
      languages,
      all.map(({ truth, text }, index) => ({ truth, answer: answer(text, index) })),
    );
  const ours = scoreOf((_, index) => answers[index]?.labels[0] ?? '');
  // Both peers may choose among our languages only: franc by its option `only`, tinyld by its option `only`.
  const only = Object.values(iso6393);
  const francs = scoreOf((text) => fromIso6393.get(franc(text, { only, minLength: 1 })) ?? 'none');
  const tinyOnly = languages.map((language) => (language === 'nb' ? 'no' : language));
  const tinylds = scoreOf((text) => detect(text, { only: tinyOnly }).replace(/^no$/, 'nb'));

  const f1Of = (classes: readonly ClassScore[], label: string) =>
    percent(classes.find((candidate) => candidate.label === label)?.f1 ?? 0);
  const confusions = new Map<string, number>();
  all.forEach(({ truth }, index) => {
    const answer = answers[index]?.labels[0] ?? '';
    if (answer !== truth) confusions.set(`${truth}→${answer}`, (confusions.get(`${truth}→${answer}`) ?? 0) + 1);
  });
  const right = all.map(({ truth }, index) => answers[index]?.labels[0] === truth);
  const claimed = answers.reduce((sum, answer) => sum + (answer.probabilities[0] ?? 0), 0) / all.length;
  console.log(
    [
      `F1 in % on ${all.length} held-out sentences, ${languages.length} languages`,
      'language    ours   franc  tinyld',
      ...languages.map((label) =>
        [
          `${label.padEnd(9)}`,
          f1Of(ours.classes, label),
          f1Of(francs.classes, label),
          f1Of(tinylds.classes, label),
        ].join(' '),
      ),
      ['macro    ', percent(ours.macro), percent(francs.macro), percent(tinylds.macro)].join(' '),
      ['worst    ', percent(ours.worst), percent(francs.worst), percent(tinylds.worst)].join(' '),
      `our errors: ${[...confusions].map(([pair, count]) => `${pair} ${count}`).join(', ') || 'none'}`,
      `right ${percent(right.filter(Boolean).length / all.length)} %, mean probability of the answer ${percent(claimed)} %`,
      `${meanMs.toFixed(3)} ms a sentence, one thread`,
    ].join('\n'),
  );
  expect(ours.macro).toBeGreaterThanOrEqual(0.95);
  expect(ours.worst).toBeGreaterThanOrEqual(0.85);
});
