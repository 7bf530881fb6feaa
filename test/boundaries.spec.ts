import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Each rule with the smallest tree that breaks it. */
const violations: Record<string, Record<string, string>> = {
  'no-cycles': {
    'libs/one/src/index.ts': "import { b } from './b.js';\nexport const a = b;\n",
    'libs/one/src/b.ts': "import { a } from './index.js';\nexport const b = a;\n",
  },
  'apps-never-import-apps': {
    'apps/toll/src/app.ts': "import { gateway } from '../../gateway/src/app.js';\nexport const toll = gateway;\n",
    'apps/gateway/src/app.ts': 'export const gateway = 1;\n',
  },
  'libs-never-import-apps': {
    'libs/one/src/index.ts':
      "import { gateway } from '../../../apps/gateway/src/app.js';\nexport const one = gateway;\n",
    'apps/gateway/src/app.ts': 'export const gateway = 1;\n',
  },
  'engines-are-plain': {
    'apps/toll/src/ledger/engine/ledger.ts':
      "import { Injectable } from '@nestjs/common';\nexport const shell = Injectable;\n",
  },
  'contracts-stand-alone': {
    'libs/contracts/src/index.ts': "import { one } from '../../one/src/index.js';\nexport const contract = one;\n",
    'libs/one/src/index.ts': 'export const one = 1;\n',
  },
  'testing-only-from-tests': {
    'apps/toll/src/app.ts': "import { fake } from '../../../libs/testing/src/index.js';\nexport const toll = fake;\n",
    'libs/testing/src/index.ts': 'export const fake = 1;\n',
  },
  'no-dev-packages-in-the-product': {
    'libs/one/src/index.ts': "import fc from 'fast-check';\nexport const one = fc;\n",
  },
};

/** Names of the rules that the checker found broken in a tree of these files. */
function brokenRules(files: Record<string, string>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-boundaries-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    for (const name of ['node_modules', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs'])
      symlinkSync(join(root, name), join(folder, name));
    const folders = [...new Set(Object.keys(files).map((name) => name.split('/')[0] ?? ''))];
    const result = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
        ...['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...folders],
      ],
      { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 },
    );
    const report = JSON.parse(result.stdout) as { summary: { violations: { rule: { name: string } }[] } };
    return [...new Set(report.summary.violations.map(({ rule }) => rule.name))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('module boundaries', () => {
  it.each(Object.entries(violations))('%s: a planted violation is refused', (rule, files) => {
    expect(brokenRules(files)).toEqual([rule]);
  });

  it('finds nothing in a tree that keeps the rules', () => {
    expect(brokenRules({ 'libs/one/src/index.ts': 'export const one = 1;\n' })).toEqual([]);
  });
});
