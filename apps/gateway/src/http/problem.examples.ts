import { type ErrorCode, WatershedError } from '#errors';
import { type Problem, problemOf } from './problem.js';
import { problemCatalogue } from './problem-catalogue.js';

export const problemExampleRef = (code: ErrorCode): string => `#/components/examples/${code}`;

const isCode = (text: string): text is ErrorCode => Object.hasOwn(problemCatalogue, text);

/** One example a code, as it would be sent; what a message says more depends on the request. */
export function problemExamples(): Record<string, { value: Problem }> {
  const codes = Object.keys(problemCatalogue).filter(isCode);
  return Object.fromEntries(
    codes.map((code) => {
      const { title } = problemCatalogue[code];
      const error = new WatershedError(code, title.endsWith('?') ? title : `${title}.`);
      return [code, { value: problemOf(error, '6f1c2a8e-0d3b-4c57-9a42-7be1f0c3d985') }];
    }),
  );
}
