import { elementBits } from './onnx-facts.js';
import { ProtoError, type ProtoField, type ProtoReader } from './proto-reader.js';

/** Why a file that is ONNX is not taken; the text completes "The model is refused: …". */
export class OnnxRefusal extends Error {
  override readonly name = 'OnnxRefusal';
}

const maxDepth = 32;
const maxNameBytes = 512;
const maxDistinct = 10_000;
const maxInitialisers = 500_000;
const maxDims = 64;

/** The domains whose operators every ONNX runtime brings along. */
const standardDomains = new Map([
  ['', ''],
  ['ai.onnx', ''],
  ['ai.onnx.ml', 'ai.onnx.ml'],
]);

/** A declared input or output, its type where it is a tensor's. */
export interface DeclaredValue {
  readonly name: string;
  readonly elementType?: number;
  /** −1 for an open dimension; undefined where the file declares no shape. */
  readonly shape?: readonly number[];
}

/** What the walk has seen so far of a whole model. */
export class GraphWalk {
  readonly inputs: DeclaredValue[] = [];
  readonly outputs: DeclaredValue[] = [];
  readonly operators = new Set<string>();
  /** `domain:name` of the functions that the model itself defines, and of operators that only such can be. */
  readonly definedFunctions = new Set<string>();
  readonly usedFunctions = new Set<string>();
  readonly initialisers = new Set<string>();
  parameterCount = 0n;
  nodes = 0;

  constructor(private readonly reader: ProtoReader) {}

  /** GraphProto. Only the outermost graph's inputs and outputs are the model's. */
  async graph(start: number, end: number, depth: number): Promise<void> {
    if (depth > maxDepth) throw new OnnxRefusal('its graphs are nested too deep');
    await this.reader.fields(start, end, (field) => {
      switch (field.number) {
        case 1:
          return this.node(message(field), depth);
        case 5:
          return this.initialiser(message(field), depth === 0);
        case 11:
          return depth === 0 ? this.value(message(field), this.inputs) : undefined;
        case 12:
          return depth === 0 ? this.value(message(field), this.outputs) : undefined;
        case 15:
          return this.sparseTensor(message(field), depth === 0);
        default:
          return undefined;
      }
    });
  }

  /** FunctionProto: an operator that the model defines by others; those must be standard, or defined, too. */
  async functionBody(field: ProtoField): Promise<void> {
    let name = '';
    let domain = '';
    await this.reader.fields(field.start, field.end, async (each) => {
      if (each.number === 1) name = await this.reader.text(each, maxNameBytes);
      else if (each.number === 10) domain = await this.reader.text(each, maxNameBytes);
      else if (each.number === 7) await this.node(message(each), 1);
      else if (each.number === 11) await this.attribute(message(each), 1);
    });
    this.note(this.definedFunctions, `${domain}:${name}`);
  }

  private async node(field: ProtoField, depth: number): Promise<void> {
    let type = '';
    let domain = '';
    this.nodes += 1;
    // No async function here: of the fields of a node, which are most of a model's, only few need waiting for.
    await this.reader.fields(field.start, field.end, (each) => {
      switch (each.number) {
        case 4:
          return this.reader.text(each, maxNameBytes).then((text) => {
            type = text;
          });
        case 5:
          return this.attribute(message(each), depth);
        case 7:
          return this.reader.text(each, maxNameBytes).then((text) => {
            domain = text;
          });
        default:
          return undefined;
      }
    });
    if (type === '') throw new OnnxRefusal('a node has no operator');
    const standard = standardDomains.get(domain);
    if (standard === undefined) this.note(this.usedFunctions, `${domain}:${type}`);
    else this.note(this.operators, standard === '' ? type : `${standard}.${type}`);
  }

  private async attribute(field: ProtoField, depth: number): Promise<void> {
    await this.reader.fields(field.start, field.end, (each) => {
      switch (each.number) {
        case 5:
        case 10:
          return this.tensor(message(each)).then(() => undefined);
        case 6:
        case 11:
          return this.graph(message(each).start, each.end, depth + 1);
        case 22:
        case 23:
          return this.sparseTensor(message(each), false);
        default:
          return undefined;
      }
    });
  }

  private async initialiser(field: ProtoField, outermost: boolean): Promise<void> {
    const { name, elements } = await this.tensor(field);
    this.parameterCount += elements;
    if (!outermost) return;
    if (this.initialisers.size >= maxInitialisers) throw new OnnxRefusal('it has too many initialisers');
    this.initialisers.add(name);
  }

  private async sparseTensor(field: ProtoField, outermost: boolean): Promise<void> {
    await this.reader.fields(field.start, field.end, (each) => {
      if (each.number === 1) return this.initialiser(message(each), outermost);
      if (each.number === 2) return this.tensor(message(each)).then(() => undefined);
      return undefined;
    });
  }

  /** TensorProto: its data must lie in this file, and be as much as its dimensions say. */
  private async tensor(field: ProtoField): Promise<{ name: string; elements: bigint }> {
    const dims: bigint[] = [];
    let name = '';
    let elementType = 0;
    let rawBytes: number | undefined;
    await this.reader.fields(field.start, field.end, async (each) => {
      if (each.number === 1) dims.push(...(await this.reader.integers(each, maxDims)));
      else if (each.number === 2) elementType = Number(each.value);
      else if (each.number === 8) name = await this.reader.text(each, maxNameBytes);
      else if (each.number === 9) rawBytes = message(each).end - each.start;
      else if (each.number === 13 || (each.number === 14 && each.value !== 0n)) {
        throw new OnnxRefusal(`the data of "${shown(name)}" lies in another file; save the model with its data inside`);
      }
      if (dims.length > maxDims) throw new OnnxRefusal('a tensor has too many dimensions');
    });
    if (dims.some((dim) => dim < 0n)) throw new OnnxRefusal(`a dimension of "${shown(name)}" is negative`);
    const elements = dims.reduce((product, dim) => product * dim, 1n);
    const bits = elementBits.get(elementType);
    if (rawBytes !== undefined && bits !== undefined && elements * BigInt(bits) !== BigInt(rawBytes) * 8n) {
      throw new OnnxRefusal(`"${shown(name)}" holds another number of elements than its dimensions say`);
    }
    return { name, elements };
  }

  /** ValueInfoProto. */
  private async value(field: ProtoField, into: DeclaredValue[]): Promise<void> {
    if (into.length >= 1024 + maxInitialisers) throw new OnnxRefusal('it has too many inputs or outputs');
    let name = '';
    let type: Omit<DeclaredValue, 'name'> = {};
    await this.reader.fields(field.start, field.end, async (each) => {
      if (each.number === 1) name = await this.reader.text(each, maxNameBytes);
      else if (each.number === 2) type = await this.type(message(each));
    });
    into.push({ name, ...type });
  }

  /** TypeProto, of which only tensors are taken. */
  private async type(field: ProtoField): Promise<Omit<DeclaredValue, 'name'>> {
    let elementType: number | undefined;
    let shape: number[] | undefined;
    await this.reader.fields(field.start, field.end, (each) => {
      if (each.number !== 1) return undefined;
      return this.reader.fields(message(each).start, each.end, async (member) => {
        if (member.number === 1) elementType = Number(member.value);
        else if (member.number === 2) shape = await this.shape(message(member));
      });
    });
    return { ...(elementType === undefined ? {} : { elementType }), ...(shape === undefined ? {} : { shape }) };
  }

  private async shape(field: ProtoField): Promise<number[]> {
    const shape: number[] = [];
    await this.reader.fields(field.start, field.end, async (each) => {
      if (each.number !== 1) return;
      let size = -1;
      await this.reader.fields(message(each).start, each.end, (member) => {
        if (member.number === 1) size = member.value < 0n || member.value > 0x7fffffffn ? -1 : Number(member.value);
      });
      shape.push(size);
      if (shape.length > maxDims) throw new OnnxRefusal('a tensor has too many dimensions');
    });
    return shape;
  }

  private note(set: Set<string>, value: string): void {
    if (set.size >= maxDistinct) throw new OnnxRefusal('it uses too many different operators');
    set.add(value);
  }
}

function message(field: ProtoField): ProtoField {
  if (field.wire !== 'bytes') throw new ProtoError(`field ${field.number} is of another kind`);
  return field;
}

/** A name out of a stranger's file, fit for a message. */
export function shown(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
}
