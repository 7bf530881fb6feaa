import { countElements, packText, type Tensor, tensorValues, unfit } from '#inference-protocol';

/** Ordering is done on the server's own thread. */
const MAX_CLASSIFIED = 1_048_576;

/**
 * The `count` greatest elements of each batch entry as `value:index` or `value:index:label`, in descending order; equal
 * values in the order of their places.
 */
export function classify(
  tensor: Tensor,
  count: number,
  batches: boolean,
  labels: readonly string[] | undefined,
): Tensor {
  if (['BYTES', 'BOOL', 'FP16'].includes(tensor.datatype)) {
    throw unfit('tensor_invalid', `class result not available for output due to unsupported type '${tensor.datatype}'`);
  }
  if (countElements(tensor.shape) > MAX_CLASSIFIED) {
    throw unfit('tensor_invalid', `'${tensor.name}' has more than ${MAX_CLASSIFIED} elements to order`);
  }
  const [first] = tensor.shape;
  const batch = batches && first !== undefined ? first : 0;
  const own = batch === 0 ? tensor.shape : tensor.shape.slice(1);
  const size = countElements(own);
  const classes = Math.min(count, size);
  const values = tensorValues(tensor);
  const texts: string[] = [];
  for (let entry = 0; entry < Math.max(1, batch); entry++) {
    const scores = values.slice(entry * size, (entry + 1) * size);
    const order = scores.map((_, i) => i).sort((a, b) => compare(scores[b], scores[a]) || a - b);
    for (const place of order.slice(0, classes)) {
      const score = scores[place];
      const text = tensor.datatype.startsWith('FP') ? Number(score).toFixed(6) : String(score);
      const label = labels?.[place];
      texts.push(label === undefined ? `${text}:${place}` : `${text}:${place}:${label}`);
    }
  }
  const shape = batch === 0 ? [classes] : [batch, classes];
  return { name: tensor.name, datatype: 'BYTES', shape, data: packText(texts) };
}

const compare = (a: number | bigint | undefined, b: number | bigint | undefined): number => {
  if (a === undefined || b === undefined || a === b) return 0;
  return a > b ? 1 : -1;
};
