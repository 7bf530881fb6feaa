import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { optionalTool } from './optional-tool.js';

describe('optionalTool', () => {
  let folder: string;
  let notRun: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-optional-'));
    notRun = join(folder, 'not-run');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What becomes of one test that needs k6. */
  function outcome(absence: string | undefined, required = ''): { ran: string[]; skipped: string[]; failed: string[] } {
    const seen = { ran: [] as string[], skipped: [] as string[], failed: [] as string[] };
    const runner = {
      describe: Object.assign((_title: string, tests: () => void) => tests(), {
        skip: (title: string) => void seen.skipped.push(title),
      }),
      it: (_title: string, test: () => void) => {
        try {
          test();
        } catch (error) {
          seen.failed.push(error instanceof Error ? error.message : String(error));
        }
      },
    };
    const env = { WATERSHED_REQUIRE: required, WATERSHED_TEST_NOT_RUN_FILE: notRun };
    optionalTool('k6', absence, env, runner).describe('under load', () => seen.ran.push('under load'));
    return seen;
  }

  it('runs the tests where the tool is there', () => {
    expect(outcome(undefined, 'k6')).toEqual({ ran: ['under load'], skipped: [], failed: [] });
  });

  it('leaves them out where it is not, and writes down which and why', () => {
    expect(outcome('nothing called k6', 'compose, triton')).toEqual({ ran: [], skipped: ['under load'], failed: [] });
    expect(readFileSync(notRun, 'utf8')).toBe('under load (k6): nothing called k6\n');
  });

  it('fails where the tool was asked for', () => {
    expect(outcome('nothing called k6', 'compose, k6')).toEqual({
      ran: [],
      skipped: [],
      failed: ['WATERSHED_REQUIRE asks for k6: nothing called k6'],
    });
  });
});
