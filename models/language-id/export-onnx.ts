import onnxProto from 'onnx-proto';
import { buckets, byteFold, hashMultiplier, hashPrime, longestNgram } from './features.js';
import type { LanguageModel } from './score.js';

const { onnx } = onnxProto;
type TensorProto = onnxProto.onnx.ITensorProto;
type NodeProto = onnxProto.onnx.INodeProto;
const { DataType } = onnx.TensorProto;
const { AttributeType } = onnx.AttributeProto;

const littleEndian = (view: ArrayBufferView): Uint8Array => {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) throw new Error('needs a little-endian machine');
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
};

/** Collects nodes and constants of one graph; every method answers the name of the value it made. */
class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  #next = 0;

  node(opType: string, input: string[], attributes: Readonly<Record<string, number>> = {}, output?: string): string {
    const name = output ?? `${opType.toLowerCase()}_${this.#next++}`;
    const attribute = Object.entries(attributes).map(([key, i]) => ({ name: key, type: AttributeType.INT, i }));
    this.nodes.push({ opType, name: `make_${name}`, input, output: [name], attribute });
    return name;
  }

  #constant(name: string, tensor: TensorProto): string {
    if (!this.initializers.some((known) => known.name === name)) this.initializers.push({ ...tensor, name });
    return name;
  }

  int64(value: number): string {
    return this.#constant(`i64_${value}`, {
      dataType: DataType.INT64,
      dims: [1],
      rawData: littleEndian(BigInt64Array.of(BigInt(value))),
    });
  }

  int64s(name: string, values: readonly number[]): string {
    const rawData = littleEndian(BigInt64Array.from(values, BigInt));
    return this.#constant(name, { dataType: DataType.INT64, dims: [values.length], rawData });
  }

  floats(name: string, values: Float32Array): string {
    return this.#constant(name, { dataType: DataType.FLOAT, dims: [values.length], rawData: littleEndian(values) });
  }

  bytes(name: string, values: Int8Array, dims: number[]): string {
    return this.#constant(name, { dataType: DataType.INT8, dims, rawData: littleEndian(values) });
  }

  strings(name: string, values: readonly string[]): string {
    const stringData = values.map((value) => new TextEncoder().encode(value));
    return this.#constant(name, { dataType: DataType.STRING, dims: [values.length], stringData });
  }

  /** 1 where `low ≤ value ≤ high`, else 0, as INT64. */
  within(value: string, low: number, high: number): string {
    const above = this.node('GreaterOrEqual', [value, this.int64(low)]);
    const below = this.node('LessOrEqual', [value, this.int64(high)]);
    return this.node('Cast', [this.node('And', [above, below])], { to: DataType.INT64 });
  }

  times(a: string, b: string): string {
    return this.node('Mul', [a, b]);
  }

  plus(a: string, b: string): string {
    return this.node('Add', [a, b]);
  }

  slice(value: string, from: number, to: number): string {
    return this.node('Slice', [value, this.int64(from), this.int64(to)]);
  }

  concat(...values: string[]): string {
    return this.node('Concat', values, { axis: 0 });
  }
}

const end = 2 ** 31 - 1;
const space = 0x20;

/** features.ts's `foldBytes` in operators: INT64 bytes in, folded bytes with single spaces out. */
function fold(graph: GraphBuilder, utf8: string): string {
  const table = graph.int64s('byte_fold', [...byteFold]);
  const ascii = graph.node('Gather', [table, graph.node('Cast', [utf8], { to: DataType.INT32 })], { axis: 0 });
  const gap = graph.int64(space);
  const padded = graph.concat(gap, ascii, gap);
  const before = graph.concat(gap, graph.slice(padded, 0, -1));
  const after = graph.concat(graph.slice(padded, 1, end), gap);

  // Exactly CE or D0: the lead bytes of Greek and Cyrillic capitals.
  const lead = graph.plus(graph.within(padded, 0xce, 0xce), graph.within(padded, 0xd0, 0xd0));
  const afterLead = graph.concat(graph.int64(0), graph.slice(lead, 0, -1));
  const movesUp = graph.times(lead, graph.within(after, 0xa0, 0xaf));
  const latin = graph.times(graph.within(before, 0xc3, 0xc3), graph.within(padded, 0x80, 0x9e));
  const early = graph.times(afterLead, graph.within(padded, 0x90, 0x9f));
  const late = graph.times(afterLead, graph.within(padded, 0xa0, 0xaf));
  const shift = graph.times(graph.node('Sub', [graph.plus(latin, early), late]), graph.int64(0x20));
  const folded = graph.plus(padded, graph.plus(movesUp, shift));

  const isSpace = graph.node('Equal', [folded, gap]);
  const spaceBefore = graph.node('Equal', [graph.concat(graph.int64(0), graph.slice(folded, 0, -1)), gap]);
  const keep = graph.node('Not', [graph.node('And', [isSpace, spaceBefore])]);
  return graph.node('Compress', [folded, keep], { axis: 0 });
}

/** features.ts's `featuresOf` in operators: the rows of the weight table. */
function rowsOf(graph: GraphBuilder, bytes: string): string {
  const reach = longestNgram - 1;
  const extended = graph.concat(bytes, graph.int64s('beyond', new Array<number>(reach).fill(0)));
  let hashes = '';
  const all: string[] = [];
  for (let order = 0; order < longestNgram; order++) {
    const from = graph.slice(extended, order, order === reach ? end : order - reach);
    const next = graph.plus(from, graph.int64(1));
    const sum = order === 0 ? next : graph.plus(graph.times(hashes, graph.int64(hashMultiplier)), next);
    hashes = graph.node('Mod', [sum, graph.int64(hashPrime)]);
    all.push(hashes);
  }
  return graph.node('Mod', [graph.concat(...all), graph.int64(buckets)]);
}

const valueInfo = (name: string, elemType: number, dim: onnxProto.onnx.TensorShapeProto.IDimension) => ({
  name,
  type: { tensorType: { elemType, shape: { dim: [dim] } } },
});

/**
 * The model as one ONNX graph (opset 13): `utf8` UINT8 [any] in; `labels` STRING [L] and `probabilities` FP32 [L] out,
 * both ordered from the most probable. The same model gives the same bytes.
 */
export function exportOnnx(model: LanguageModel): Uint8Array {
  const graph = new GraphBuilder();
  const count = model.labels.length;
  const rows = rowsOf(graph, fold(graph, 'utf8'));

  const weights = graph.node('Gather', [graph.bytes('weights', model.weights, [buckets, count]), rows], { axis: 0 });
  const asFloat = graph.node('Cast', [weights], { to: DataType.FLOAT });
  const sums = graph.node('ReduceSum', [asFloat, graph.int64(0)], { keepdims: 0 });
  const size = graph.node('Cast', [graph.node('Shape', [rows])], { to: DataType.FLOAT });
  const scaled = graph.times(sums, graph.floats('scales', model.scales));
  const norm = graph.node('Sqrt', [size]);
  const logits = graph.plus(graph.node('Div', [scaled, norm]), graph.floats('biases', model.biases));
  const probabilities = graph.node('Softmax', [logits], { axis: 0 });
  graph.nodes.push({
    opType: 'TopK',
    name: 'make_order',
    input: [probabilities, graph.int64(count)],
    output: ['probabilities', 'order'],
    attribute: [
      { name: 'axis', type: AttributeType.INT, i: 0 },
      { name: 'largest', type: AttributeType.INT, i: 1 },
      { name: 'sorted', type: AttributeType.INT, i: 1 },
    ],
  });
  graph.node('Gather', [graph.strings('label_names', model.labels), 'order'], { axis: 0 }, 'labels');

  return onnx.ModelProto.encode({
    irVersion: 8,
    producerName: 'watershed',
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'language-id',
      node: graph.nodes,
      initializer: graph.initializers,
      input: [valueInfo('utf8', DataType.UINT8, { dimParam: 'bytes' })],
      output: [
        valueInfo('labels', DataType.STRING, { dimValue: count }),
        valueInfo('probabilities', DataType.FLOAT, { dimValue: count }),
      ],
    },
  }).finish();
}

/** Reads the trained numbers back out of an exported file. */
export function importOnnx(bytes: Uint8Array): LanguageModel {
  const tensors = onnx.ModelProto.decode(bytes).graph?.initializer ?? [];
  const find = (name: string): TensorProto => {
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (!tensor) throw new Error(`the ONNX file has no tensor named ${name}`);
    return tensor;
  };
  const floats = (name: string) => new Float32Array(Uint8Array.from(find(name).rawData ?? []).buffer);
  return {
    labels: (find('label_names').stringData ?? []).map((label) => new TextDecoder().decode(label)),
    weights: new Int8Array(Uint8Array.from(find('weights').rawData ?? []).buffer),
    scales: floats('scales'),
    biases: floats('biases'),
  };
}
