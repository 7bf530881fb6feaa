import { appendFileSync } from 'node:fs';

/** What a machine may lack, and what tests therefore cannot take for granted. */
export type OptionalToolName = 'compose' | 'triton' | 'k6' | 'chromium' | 'prometheus' | 'python3' | 'go' | 'full-disk';

export interface OptionalTool {
  readonly there: boolean;
  /**
   * `describe` for tests that need the tool. Where it is absent they are left out and listed apart at the end of
   * `npm test`, never among the passed; where WATERSHED_REQUIRE (a comma-separated list) names it, its absence is a
   * failure.
   */
  describe(title: string, tests: () => void): void;
}

interface TestRunner {
  readonly describe: { (title: string, tests: () => void): void; skip(title: string, tests: () => void): void };
  it(title: string, test: () => void): void;
}

/** Whether WATERSHED_REQUIRE names the tool. */
export const toolIsRequired = (name: OptionalToolName, env: NodeJS.ProcessEnv = process.env): boolean =>
  (env.WATERSHED_REQUIRE ?? '').split(',').some((each) => each.trim() === name);

/** `absence` says why the tool's tests cannot run on this machine; undefined when they can. */
export function optionalTool(
  name: OptionalToolName,
  absence: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
  runner: TestRunner = { describe, it },
): OptionalTool {
  return {
    there: absence === undefined,
    describe: (title, tests) => {
      if (absence === undefined) runner.describe(title, tests);
      else if (toolIsRequired(name, env))
        runner.describe(title, () => {
          runner.it(`has ${name} to be tested with`, () => {
            throw new Error(`WATERSHED_REQUIRE asks for ${name}: ${absence}`);
          });
        });
      else {
        runner.describe.skip(title, tests);
        const file = env.WATERSHED_TEST_NOT_RUN_FILE;
        if (file) appendFileSync(file, `${title} (${name}): ${absence}\n`);
      }
    },
  };
}
