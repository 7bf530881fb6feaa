import { languages, writtenSentences } from './corpus.js';
import { type Example, type LearnOptions, learn, piece, seededRandom } from './learn.js';
import { f1Scores, type LanguageModel, logitsOf, softmax } from './score.js';

const folds = 4;
/**
 * Sentences of one fold lie together. The files of related languages tell much of the same in the same order, so a
 * topic is either trained on in all of them or asked in all of them, and cannot give the language away.
 */
const foldOf = (index: number): number => Math.floor(index / 8) % folds;

export interface CrossValidation {
  readonly macro: number;
  readonly worst: number;
  readonly classes: readonly { readonly label: string; readonly f1: number }[];
  /** How often a language (first) was taken for another (second), most often first. */
  readonly confusions: readonly (readonly [pair: string, count: number])[];
  /** Divides the logits for the best likelihood; near 1 when the model's own temperature is right. */
  readonly bestTemperature: number;
}

/** Four-fold over the written sentences; with `pieces` each is cut to 20–80 characters at a random place. */
export function crossValidate(
  examplesWithout: (keepWritten: (index: number) => boolean) => Example[],
  options: LearnOptions,
  pieces: boolean,
): CrossValidation {
  const encoder = new TextEncoder();
  const pairs: { truth: string; answer: string }[] = [];
  const judged: { logits: Float64Array; label: number }[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const model: LanguageModel = learn(
      languages,
      examplesWithout((index) => foldOf(index) !== fold),
      options,
    );
    const random = seededRandom(fold);
    languages.forEach((truth, label) => {
      for (const text of writtenSentences(truth).filter((_, index) => foldOf(index) === fold)) {
        const logits = logitsOf(model, encoder.encode(pieces ? piece(text, random) : text));
        judged.push({ logits, label });
        pairs.push({ truth, answer: languages[logits.indexOf(Math.max(...logits))] ?? '' });
      }
    });
  }
  const counts = new Map<string, number>();
  for (const { truth, answer } of pairs) {
    if (truth !== answer) counts.set(`${truth}→${answer}`, (counts.get(`${truth}→${answer}`) ?? 0) + 1);
  }
  const lossAt = (temperature: number): number =>
    judged.reduce((sum, { logits, label }) => {
      const probabilities = softmax(logits.map((logit) => logit / temperature));
      return sum - Math.log(probabilities[label] ?? 0);
    }, 0);
  const temperatures = Array.from({ length: 60 }, (_, step) => 0.2 * 1.05 ** step);
  const losses = temperatures.map(lossAt);
  return {
    ...f1Scores(languages, pairs),
    confusions: [...counts].sort((a, b) => b[1] - a[1]),
    bestTemperature: temperatures[losses.indexOf(Math.min(...losses))] ?? 1,
  };
}
