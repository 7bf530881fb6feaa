import type { MutatedRequest } from './mutated-requests.js';
import type { Answer } from './recordings.js';

/** Beyond so many elements Triton allocates by what a shape says. */
const mostElements = 1_000_000;

/**
 * Requests that no real Triton is sent: it was seen to die of them or to hang. The embedded server must refuse them, and
 * what people send is built anew before it reaches either.
 */
export function killsTriton({ body, headLength }: MutatedRequest): boolean {
  const head = body.subarray(0, headLength).toString('utf8');
  // Triton 2.51 looks for the greatest of an output's elements without asking whether they are numbers.
  if (head.includes('"classification"') && /"(TEXT_OUT|BYTES)"/.test(head)) return true;
  for (const [, shape = ''] of head.matchAll(/"shape":\[([\d,]*)\]/g)) {
    const elements = shape.split(',').reduce((product, size) => product * Number(size), 1);
    if (elements > mostElements) return true;
  }
  return /\[{65}/.test(head);
}

export interface KnownDifference {
  readonly why: string;
  holds(request: MutatedRequest, embedded: Answer, triton: Answer): boolean;
}

const says = (answer: Answer, pattern: RegExp) => pattern.test(answer.body.toString('utf8'));

/** Where the two servers may differ on one request: Triton's defects, which are not imitated, and limits of ours. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    why: 'Triton wraps integers, takes NaN and infinities, and takes any byte for a BOOL',
    holds: (_, embedded) => embedded.status === 400 && says(embedded, /is beyond the range of|, which is no JSON/),
  },
  {
    why: 'text that holds a zero byte does not come through the binding of ONNX Runtime for Node',
    holds: (_, embedded) => embedded.status === 400 && says(embedded, /zero byte/),
  },
  {
    why: 'Triton does not look at the data of a shape without dimensions, and refuses the shape',
    holds: ({ body }, embedded, triton) =>
      embedded.status === 500 && triton.status === 400 && body.includes('"shape":[]'),
  },
  {
    why: 'Triton reads JSON to a zero byte and forgets what is behind it',
    holds: ({ body, headers }, embedded) =>
      embedded.status === 500 && body.subarray(0, Number(headers['Inference-Header-Content-Length'])).includes(0),
  },
];
