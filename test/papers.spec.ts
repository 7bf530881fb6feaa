import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { columnsOfPrisma, parseDataMap, rowFor } from './canary/data-map.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const foreign = new Set(['node_modules', 'dist', '.git', '.watershed', 'generated', 'recordings', 'fixtures']);

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (foreign.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [relative(root, path)];
  });
}

const files = filesUnder(root);
const pages = files.filter((file) => file.endsWith('.md'));
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');
const scripts = Object.keys((JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }).scripts);

/** Relative targets of a page's links, without their anchors. */
const linksOf = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.split('#', 1)[0] ?? '')
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));

/** Whether a path, or a glob of `*` and `**`, names something that is there. */
function names(pattern: string): boolean {
  if (!pattern.includes('*')) return existsSync(join(root, pattern));
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(?:.*/)?'));
  const expression = new RegExp(`^${source}(?:/|$)`);
  return files.some((file) => expression.test(file));
}

describe('the papers', () => {
  it.each(pages)('%s links to what is there', (page) => {
    const missing = linksOf(textOf(page)).filter((target) => !existsSync(join(root, dirname(page), target)));
    expect(missing).toEqual([]);
  });

  it('notice a link and a file that are not there', () => {
    expect(linksOf('see [a](b.md#c), [d](https://e) and [f](#g)')).toEqual(['b.md']);
    expect([names('libs/*/README.md'), names('libs/**/*.spec.ts'), names('apps/')]).toEqual([true, true, true]);
    expect([names('libs/*/NONE.md'), names('lib/*.ts'), names('apps/nothing')]).toEqual([false, false, false]);
  });

  it.each(pages)('%s names npm scripts that there are', (page) => {
    const named = [...textOf(page).matchAll(/\bnpm run (?:-s )?([a-z][a-z0-9:-]*)/g)].map(([, script]) => script ?? '');
    expect(named.filter((script) => !scripts.includes(script))).toEqual([]);
  });

  it('name, for every requirement that is claimed, code, tests and a page that are there', () => {
    const rows = textOf('docs/requirements.md')
      .split('\n')
      .filter((line) => /^\| [FLS]\d/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    expect(rows.length).toBeGreaterThan(25);
    for (const [, id, , state = '', code = '', test = '', page = ''] of rows) {
      const claimed = /^(holds|begun)/.test(state);
      expect([id, claimed || state.startsWith('later')]).toEqual([id, true]);
      const paths = [...`${code} ${test}`.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
      expect([id, paths.filter((path) => !names(path))]).toEqual([id, []]);
      expect([id, claimed, code !== '' && test !== '' && page !== '']).toEqual([id, claimed, claimed]);
    }
  });

  it('say of every column of the database what lies in it and how: docs/data-map.md', () => {
    const map = parseDataMap(textOf('docs/data-map.md'));
    const schemas = files.filter((file) => file.startsWith('prisma/schema/') && file.endsWith('.prisma'));
    const columns = schemas.flatMap((file) => columnsOfPrisma(textOf(file)));
    expect(columns.length).toBeGreaterThan(150);
    expect(columns.filter((column) => !rowFor(map.columns, column))).toEqual([]);
  });

  it('have a README in every app and library, with a picture and how to run one test', () => {
    const folders = ['apps', 'libs'].flatMap((above) =>
      readdirSync(join(root, above)).map((name) => `${above}/${name}`),
    );
    const lacking = folders.filter((folder) => {
      const page = `${folder}/README.md`;
      return !files.includes(page) || !/```mermaid/.test(textOf(page)) || !/npm (run|test)/.test(textOf(page));
    });
    expect(lacking).toEqual([]);
  });
});
