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

const MAX_DEPTH = 32;

type TokenKind = 'word' | 'string' | 'sign' | 'end';
interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly line: number;
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '?': '?',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** Reads one quoted string from `at`; escapes are bytes, so the result is put together as bytes and read as UTF-8. */
function readString(text: string, at: number, line: number): { value: string; next: number } {
  const quote = text[at];
  const bytes: Buffer[] = [];
  let i = at + 1;
  for (;;) {
    const character = text[i];
    if (character === undefined || character === '\n')
      throw new ConfigError(`${line}: String literals cannot cross line boundaries.`);
    if (character === quote) break;
    if (character !== '\\') {
      const end = /["'\\\n]/.exec(text.slice(i + 1));
      const until = end ? i + 1 + end.index : text.length;
      bytes.push(Buffer.from(text.slice(i, until), 'utf8'));
      i = until;
      continue;
    }
    const code = /^(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))/.exec(text.slice(i + 1, i + 4));
    const simple = escapes[text[i + 1] ?? ''];
    if (code) {
      const value = code[1] === undefined ? Number.parseInt(code[2] ?? '', 8) : Number.parseInt(code[1], 16);
      bytes.push(Buffer.from([value & 0xff]));
      i += 1 + code[0].length;
    } else if (simple !== undefined) {
      bytes.push(Buffer.from(simple));
      i += 2;
    } else throw new ConfigError(`${line}: Invalid escape sequence in string literal.`);
  }
  return { value: Buffer.concat(bytes).toString('utf8'), next: i + 1 };
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let i = 0;
  while (i < text.length) {
    const character = text[i] as string;
    if (character === '\n') line++;
    if (/\s/.test(character)) i++;
    else if (character === '#') {
      const end = text.indexOf('\n', i);
      i = end === -1 ? text.length : end;
    } else if (character === '"' || character === "'") {
      const { value, next } = readString(text, i, line);
      tokens.push({ kind: 'string', text: value, line });
      i = next;
    } else if ('{}[]<>:,;-'.includes(character)) {
      tokens.push({ kind: 'sign', text: character, line });
      i++;
    } else {
      const word = /^[A-Za-z0-9_.+]+(?:(?<=[0-9.][eE])[-+]?[0-9]+)?/.exec(text.slice(i, i + 200));
      if (!word) throw new ConfigError(`${line}: Invalid control characters encountered in text.`);
      tokens.push({ kind: 'word', text: word[0], line });
      i += word[0].length;
    }
  }
  tokens.push({ kind: 'end', text: 'end of input', line });
  return tokens;
}

/**
 * Parses the text form of a protocol buffer (as `config.pbtxt` is written) against the schema of `model-config.schema.ts`.
 * Strict as Triton is: an unknown field or enumeration value, a field given twice or a wrong type throws `ConfigError`.
 */
export function parsePbtxt(text: string, message = 'ModelConfig'): ConfigMessage {
  const parser = new PbtxtParser(tokenize(text));
  return parser.document(message);
}

class PbtxtParser {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  private get token(): Token {
    return this.tokens[Math.min(this.at, this.tokens.length - 1)] as Token;
  }

  private fail(expected: string): never {
    throw new ConfigError(`${this.token.line}: Expected ${expected}, found "${this.token.text.slice(0, 60)}".`);
  }

  private take(sign: string): boolean {
    if (this.token.kind !== 'sign' || this.token.text !== sign) return false;
    this.at++;
    return true;
  }

  document(message: string): ConfigMessage {
    const value = this.fields(message, 'end', 0);
    return value;
  }

  /** Fields up to the closing sign, which is taken, or the end of the text. */
  private fields(message: string, close: '}' | '>' | 'end', depth: number): ConfigMessage {
    if (depth > MAX_DEPTH) throw new ConfigError(`${this.token.line}: Message is too deep.`);
    const target = emptyMessage();
    for (;;) {
      if (close === 'end' ? this.token.kind === 'end' : this.take(close)) return target;
      if (this.token.kind !== 'word') this.fail('identifier');
      const { text: field, line } = this.token;
      this.at++;
      const type = fieldType(message, field);
      if (!type) throw new ConfigError(`${line}: Message type "inference.${message}" has no field named "${field}".`);
      checkUnset(target, message, field, type);
      this.field(target, field, type, depth);
      if (!this.take(',')) this.take(';');
    }
  }

  private field(target: ConfigMessage, field: string, type: FieldType, depth: number): void {
    const colon = this.take(':');
    const ofMessages = type.kind === 'map' || isMessageType(type.type);
    if (!colon && !ofMessages) this.fail('":"');
    const values: ConfigValue[] = [];
    if (type.kind !== 'single' && this.take('[')) {
      if (!this.take(']')) {
        do values.push(this.value(type, depth));
        while (this.take(','));
        if (!this.take(']')) this.fail('"]"');
      }
    } else values.push(this.value(type, depth));
    if (type.kind === 'single') target[field] = values[0];
    else if (type.kind === 'repeated')
      target[field] = [...((target[field] as ConfigValue[] | undefined) ?? []), ...values];
    else target[field] = this.withEntries(target[field] as ConfigMessage | undefined, values as ConfigMessage[], type);
  }

  /** Map entries are messages of `key` and `value`; the last of equal keys wins. */
  private withEntries(
    map: ConfigMessage | undefined,
    entries: readonly ConfigMessage[],
    type: FieldType,
  ): ConfigMessage {
    const result = map ?? emptyMessage();
    for (const { key, value } of entries) {
      result[String(key ?? '')] = value ?? (isMessageType(type.type) ? emptyMessage() : '');
    }
    return result;
  }

  private value(type: FieldType, depth: number): ConfigValue {
    if (type.kind === 'map' || isMessageType(type.type)) {
      const close = this.take('{') ? '}' : this.take('<') ? '>' : this.fail('"{"');
      return type.kind === 'map' ? this.entry(type, close, depth + 1) : this.fields(type.type, close, depth + 1);
    }
    return this.scalar(type.type);
  }

  private entry(type: FieldType, close: '}' | '>', depth: number): ConfigMessage {
    const entry = emptyMessage();
    while (!this.take(close)) {
      const field = this.token.kind === 'word' ? this.token.text : this.fail('"key" or "value"');
      if (field !== 'key' && field !== 'value') this.fail('"key" or "value"');
      this.at++;
      const valueType = field === 'key' ? type.keyType : type.type;
      this.field(entry, field, { kind: 'single', type: valueType, keyType: '', oneof: undefined }, depth);
      if (!this.take(',')) this.take(';');
    }
    return entry;
  }

  private scalar(type: string): ConfigValue {
    const negative = this.take('-');
    const { kind, text, line } = this.token;
    if (kind !== 'word' && kind !== 'string') this.fail(type);
    this.at++;
    try {
      if (kind === 'word') return scalarOf(type, negative ? `-${text}` : text, false);
      let whole = text;
      while (this.token.kind === 'string') {
        whole += this.token.text;
        this.at++;
      }
      return scalarOf(type, whole, true);
    } catch (error) {
      throw error instanceof ConfigError ? new ConfigError(`${line}: ${error.message}`) : error;
    }
  }
}
