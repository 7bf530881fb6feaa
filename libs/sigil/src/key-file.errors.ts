/** `mode`: others may read it · `purpose`: made for something else · `corrupt`: not a key file · `missing` · `mismatch` */
export type KeyFileProblem = 'mode' | 'purpose' | 'corrupt' | 'missing' | 'mismatch';

/** A key file that must not be used. The message is for the operator of this machine: it names the file. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly code: `key_file_${KeyFileProblem}`;

  constructor(problem: KeyFileProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = `key_file_${problem}`;
  }
}
