import { open } from 'node:fs/promises';
import type { TensorSpec } from '#contracts';
import { WatershedError } from '#errors';
import { type DeclaredValue, GraphWalk, OnnxRefusal, shown } from './graph-walk.js';
import { datatypeOf, type OnnxFacts } from './onnx-facts.js';
import { ProtoError, type ProtoField, ProtoReader } from './proto-reader.js';

/** protobuf's own limit of a message; no ONNX runtime reads more. */
const maxFileBytes = 2 ** 31 - 1;
const maxFields = 30_000_000;
const maxTensors = 64;
const maxTensorNameBytes = 128;

/**
 * What the ONNX file at `path` contains, read in one pass that holds 64 KiB of it at a time. Throws
 * `model_invalid`, saying why, for what is not ONNX, for operators that a runtime does not bring along (a model is code:
 * nothing may be loaded beside it), for data in other files, in whichever subgraph, and for inputs or outputs that the
 * inference protocol cannot carry.
 */
export async function inspectOnnx(path: string): Promise<OnnxFacts> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > maxFileBytes) throw new OnnxRefusal('it is larger than 2 GiB, which no ONNX file can be');
    return await readModel(new ProtoReader(file, size, maxFields));
  } catch (error) {
    if (error instanceof OnnxRefusal) throw invalid(`The model is refused: ${error.message}.`);
    if (error instanceof ProtoError) throw invalid(`This file is not an ONNX model: ${error.message}.`);
    throw error;
  } finally {
    await file.close();
  }
}

async function readModel(reader: ProtoReader): Promise<OnnxFacts> {
  const walk = new GraphWalk(reader);
  const opsets = new Map<string, number>();
  let irVersion = 0;
  let hasGraph = false;
  await reader.fields(0, reader.sizeBytes, (field) => {
    switch (field.number) {
      case 1:
        irVersion = Number(field.value);
        return undefined;
      case 7:
        hasGraph = true;
        return walk.graph(inner(field).start, field.end, 0);
      case 8:
        return readOpset(reader, inner(field), opsets);
      case 20:
        throw new OnnxRefusal('it carries training steps; export it for inference');
      case 25:
        return walk.functionBody(inner(field));
      default:
        return undefined;
    }
  });
  if (irVersion < 3 || irVersion > 100 || !hasGraph) throw new ProtoError('it has no graph, or no version');
  const opset = opsets.get('') ?? opsets.get('ai.onnx');
  if (opset === undefined) throw new OnnxRefusal('it does not say which version of the standard operators it uses');
  refuseUndefined(walk, opsets);
  if (walk.parameterCount > BigInt(Number.MAX_SAFE_INTEGER)) throw new OnnxRefusal('it declares too many parameters');
  return {
    irVersion,
    opset,
    operators: [...walk.operators].sort(),
    parameterCount: Number(walk.parameterCount),
    // Older files list their initialisers among the inputs; nobody sends those.
    inputs: specsOf(
      walk.inputs.filter(({ name }) => !walk.initialisers.has(name)),
      'input',
    ),
    outputs: specsOf(walk.outputs, 'output'),
  };
}

function refuseUndefined(walk: GraphWalk, opsets: ReadonlyMap<string, number>): void {
  const custom = [...walk.usedFunctions].find((name) => !walk.definedFunctions.has(name));
  if (custom !== undefined) {
    const [domain = '', operator = ''] = custom.split(':');
    throw new OnnxRefusal(
      `it needs the operator "${shown(operator)}" of "${shown(domain)}"; only standard operators (ai.onnx, ai.onnx.ml) are taken`,
    );
  }
  // A function may not stand in for a standard operator either: what is written is what runs.
  const shadowing = [...walk.definedFunctions].find((name) => /^(ai\.onnx(\.ml)?)?:/.test(name));
  if (shadowing !== undefined) throw new OnnxRefusal(`it redefines the standard operator "${shown(shadowing)}"`);
  for (const [domain, version] of opsets) {
    if (version < 1 || version > 1_000_000)
      throw new OnnxRefusal(`it names an impossible version of "${shown(domain)}"`);
  }
}

async function readOpset(reader: ProtoReader, field: ProtoField, into: Map<string, number>): Promise<void> {
  let domain = '';
  let version = 0;
  await reader.fields(field.start, field.end, async (each) => {
    if (each.number === 1) domain = await reader.text(each, 512);
    else if (each.number === 2) version = Number(each.value);
  });
  if (into.size >= 256) throw new OnnxRefusal('it names too many sets of operators');
  into.set(domain, version);
}

function specsOf(values: readonly DeclaredValue[], kind: 'input' | 'output'): TensorSpec[] {
  if (values.length === 0) throw new OnnxRefusal(`it has no ${kind}`);
  if (values.length > maxTensors) throw new OnnxRefusal(`it has more than ${maxTensors} ${kind}s`);
  const names = new Set(values.map(({ name }) => name));
  if (names.size !== values.length) throw new OnnxRefusal(`two ${kind}s have one name`);
  return values.map((value) => specOf(value, kind));
}

function specOf({ name, elementType, shape }: DeclaredValue, kind: string): TensorSpec {
  if (name === '' || Buffer.byteLength(name) > maxTensorNameBytes) {
    throw new OnnxRefusal(`an ${kind} has no name, or one of more than ${maxTensorNameBytes} bytes`);
  }
  if (elementType === undefined) {
    throw new OnnxRefusal(`the ${kind} "${shown(name)}" is not a tensor; export the model with tensors only`);
  }
  const datatype = datatypeOf.get(elementType);
  if (!datatype) throw new OnnxRefusal(`the ${kind} "${shown(name)}" has an element type that requests cannot carry`);
  if (!shape) throw new OnnxRefusal(`the ${kind} "${shown(name)}" declares no shape`);
  if (shape.length > 8) throw new OnnxRefusal(`the ${kind} "${shown(name)}" has more than 8 dimensions`);
  return { name, datatype, shape: [...shape] };
}

function inner(field: ProtoField): ProtoField {
  if (field.wire !== 'bytes') throw new ProtoError(`field ${field.number} is of another kind`);
  return field;
}

function invalid(message: string): WatershedError {
  return new WatershedError('model_invalid', message);
}
