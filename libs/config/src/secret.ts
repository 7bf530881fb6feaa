import { inspect } from 'node:util';
import { z } from 'zod';

const shown = '[secret]';

/** A value that prints as `[secret]` wherever it is printed, logged or serialised; only `reveal` gives it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}

/** Schema of a variable whose value nobody may see. Its own checks must not repeat the value either. */
export function secret() {
  return z
    .string()
    .min(1)
    .transform((value) => new Secret(value));
}
