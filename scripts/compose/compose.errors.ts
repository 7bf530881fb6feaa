/** A refusal in one line, which says what to do. */
export class ComposeError extends Error {
  override readonly name = 'ComposeError';
}
