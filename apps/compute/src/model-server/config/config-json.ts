import { isInteger, isObject, JsonFloat, type JsonValue, readJson } from '#inference-protocol';
import {
  ConfigError,
  type ConfigMessage,
  type ConfigValue,
  checkUnset,
  emptyMessage,
  type FieldType,
  fieldType,
  isMessageType,
  scalarOf,
} from './config-message.js';

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * A configuration in the JSON form of protocol buffers, as a load request carries it: names in snake or camel case, 64-bit
 * integers as numbers or strings. Strict: what the schema does not know throws `ConfigError`.
 */
export function parseConfigJson(text: string): ConfigMessage {
  let value: JsonValue;
  try {
    value = readJson(Buffer.from(text, 'utf8'));
  } catch (error) {
    throw new ConfigError(`Invalid config override: ${error instanceof Error ? error.message : 'not JSON'}`);
  }
  return messageFrom('ModelConfig', value);
}

function messageFrom(message: string, value: JsonValue): ConfigMessage {
  if (!isObject(value)) throw new ConfigError(`Invalid config override: ${message} is no object`);
  const target = emptyMessage();
  for (const [name, item] of value) {
    if (item === null) continue;
    const field = fieldType(message, name) ? name : snake(name);
    const type = fieldType(message, field);
    if (!type) throw new ConfigError(`Invalid config override: ${message} has no field '${name}'`);
    checkUnset(target, message, field, type);
    target[field] = fieldFrom(field, type, item);
  }
  return target;
}

function fieldFrom(field: string, type: FieldType, value: JsonValue): ConfigValue {
  if (type.kind === 'repeated') {
    if (!Array.isArray(value)) throw new ConfigError(`Invalid config override: '${field}' is no list`);
    return value.map((item) => valueFrom(field, type.type, item));
  }
  if (type.kind === 'map') {
    if (!isObject(value)) throw new ConfigError(`Invalid config override: '${field}' is no object`);
    const map = emptyMessage();
    for (const [key, item] of value) map[key] = valueFrom(field, type.type, item);
    return map;
  }
  return valueFrom(field, type.type, value);
}

function valueFrom(field: string, type: string, value: JsonValue): ConfigValue {
  if (isMessageType(type)) return messageFrom(type, value);
  if (type === 'string') {
    if (typeof value === 'string') return value;
  } else if (type === 'bool') {
    if (typeof value === 'boolean') return value;
  } else if (isInteger(value)) return scalarOf(type, String(value), false);
  else if (value instanceof JsonFloat) {
    const whole = Number.isSafeInteger(value.value) && type !== 'float' && type !== 'double';
    return scalarOf(type, String(whole ? BigInt(value.value) : value.value), false);
  } else if (typeof value === 'string') return scalarOf(type, value, false);
  throw new ConfigError(`Invalid config override: '${field}' is not of type ${type}`);
}
