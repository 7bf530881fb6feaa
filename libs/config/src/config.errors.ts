export interface ConfigProblem {
  readonly variable: string;
  readonly message: string;
}

/** Every variable of an app's environment that is missing or wrong, in one message; no value is repeated. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config_invalid';
  readonly problems: readonly ConfigProblem[];

  constructor(app: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, message }) => `  ${variable}: ${message}`);
    super(`The settings of ${app} are not usable:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}
