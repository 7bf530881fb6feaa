import { enumerations, messages } from './model-config.schema.js';

/** A message of the configuration: only the fields that were set. Maps are messages whose fields are their keys. */
export type ConfigValue = string | number | boolean | ConfigMessage | ConfigValue[];
export interface ConfigMessage {
  [field: string]: ConfigValue | undefined;
}

/** The configuration does not parse or contradicts itself; Triton calls this "failed to poll from model repository". */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface FieldType {
  readonly kind: 'single' | 'repeated' | 'map';
  /** The type of the value, of an element, or of a map's value. */
  readonly type: string;
  readonly keyType: string;
  readonly oneof: string | undefined;
}

const cache = new Map<string, FieldType>();

/** The declared type of a field; undefined where the message has no such field. */
export function fieldType(message: string, field: string): FieldType | undefined {
  const declared = messages[message];
  const text = declared && Object.hasOwn(declared, field) ? declared[field] : undefined;
  if (text === undefined) return undefined;
  let parsed = cache.get(text);
  if (!parsed) {
    const [shape = '', oneof] = text.split('|');
    const map = /^map<(\w+),(\w+)>$/.exec(shape);
    if (map) parsed = { kind: 'map', keyType: map[1] ?? '', type: map[2] ?? '', oneof };
    else if (shape.startsWith('repeated ')) parsed = { kind: 'repeated', keyType: '', type: shape.slice(9), oneof };
    else parsed = { kind: 'single', keyType: '', type: shape, oneof };
    cache.set(text, parsed);
  }
  return parsed;
}

export const isMessageType = (type: string): boolean => Object.hasOwn(messages, type);

export const emptyMessage = (): ConfigMessage => Object.create(null) as ConfigMessage;

/** Refuses a field that is already set, or whose oneof is. */
export function checkUnset(target: ConfigMessage, message: string, field: string, type: FieldType): void {
  if (target[field] !== undefined && type.kind === 'single') {
    throw new ConfigError(`Non-repeated field "${field}" is specified multiple times.`);
  }
  if (!type.oneof) return;
  for (const other of Object.keys(target)) {
    if (other !== field && fieldType(message, other)?.oneof === type.oneof) {
      throw new ConfigError(
        `Field "${field}" is specified along with field "${other}", another member of oneof "${type.oneof}".`,
      );
    }
  }
}

const integerBounds: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  // Configured sizes and times beyond 2^53 have no use; refusing them keeps every number exact.
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** A scalar or enumeration from its written form; `quoted` tells text from a bare word. */
export function scalarOf(type: string, text: string, quoted: boolean): string | number | boolean {
  if (type === 'string') {
    if (!quoted) throw new ConfigError(`Expected string, got: ${text.slice(0, 60)}`);
    return text;
  }
  if (quoted) throw new ConfigError(`Expected ${type}, got a string`);
  if (type === 'bool') {
    if (text === 'true' || text === 't' || text === 'True' || text === '1') return true;
    if (text === 'false' || text === 'f' || text === 'False' || text === '0') return false;
    throw new ConfigError(`Invalid value for boolean field: ${text.slice(0, 60)}`);
  }
  if (type === 'float' || type === 'double') {
    const value = Number(text.replace(/f$/i, ''));
    if (!Number.isFinite(value)) throw new ConfigError(`Expected double, got: ${text.slice(0, 60)}`);
    return value;
  }
  const values = enumerations[type];
  if (values) {
    const byNumber = /^\d+$/.test(text) ? values[Number(text)] : undefined;
    const name = values.includes(text) ? text : byNumber;
    if (name === undefined) throw new ConfigError(`Unknown enumeration value of "${text.slice(0, 60)}" for ${type}.`);
    return name;
  }
  return integerOf(type, text);
}

function integerOf(type: string, text: string): number {
  const bounds = integerBounds[type];
  const octal = /^-?0[0-7]+$/.test(text);
  if (!bounds || !/^-?(0x[0-9a-f]+|\d+)$/i.test(text)) {
    throw new ConfigError(`Expected integer, got: ${text.slice(0, 60)}`);
  }
  const digits = text.replace('-', '');
  const size = octal ? Number.parseInt(digits, 8) : Number(digits);
  const value = text.startsWith('-') && size !== 0 ? -size : size;
  if (value < bounds[0] || value > bounds[1]) throw new ConfigError(`Integer out of range (${text.slice(0, 60)})`);
  return value;
}

const scalarDefault = (type: string): string | number | boolean => {
  if (type === 'string') return '';
  if (type === 'bool') return false;
  return enumerations[type]?.[0] ?? 0;
};

/**
 * The message as Triton shows it: every scalar, list and map, set or not, in the order of the schema; messages and members
 * of a oneof only where they are set.
 */
export function toJson(message: string, value: ConfigMessage): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  const one = (type: string, item: ConfigValue): unknown =>
    isMessageType(type) && typeof item === 'object' && !Array.isArray(item) ? toJson(type, item) : item;
  for (const field of Object.keys(messages[message] ?? {})) {
    const type = fieldType(message, field);
    if (!type) continue;
    const set = value[field];
    if (type.kind === 'repeated') json[field] = Array.isArray(set) ? set.map((item) => one(type.type, item)) : [];
    else if (type.kind === 'map') {
      const entries = typeof set === 'object' && !Array.isArray(set) ? Object.entries(set) : [];
      json[field] = Object.fromEntries(
        entries.map(([key, item]) => [key, item === undefined ? null : one(type.type, item)]),
      );
    } else if (set !== undefined) json[field] = one(type.type, set);
    else if (!isMessageType(type.type) && !type.oneof) json[field] = scalarDefault(type.type);
  }
  return json;
}
