const hidden = '[redacted]';

/** Members whose values are credentials or people's content, whatever object they stand in. */
const hiddenNames = new Set(
  [
    ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key'],
    ...['token', 'access_token', 'refresh_token', 'id_token', 'jwt', 'grant', 'grants', 'ticket', 'signature'],
    ...['key', 'apiKey', 'privateKey', 'privateJwk', 'd', 'secret', 'password', 'passwd', 'passphrase', 'recoveryCode'],
    ...['databaseUrl', 'redisUrl', 'connectionString'],
    ...['text', 'body', 'rawBody', 'payload', 'content', 'inputs', 'outputs', 'input', 'output', 'data', 'tensors'],
    ...['prompt', 'labels', 'probabilities', 'parameters', 'query', 'detail', 'where'],
  ].map(normalised),
);

/** Credentials inside longer texts: bearer tokens, JWTs, passwords in URLs, 256-bit values in base64url or hex. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${hidden}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, hidden],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@"]*):[^\s@/"]+@/gi, `$1:${hidden}@`],
  [/([?&](?:token|key|secret|password|code)=)[^&\s"]+/gi, `$1${hidden}`],
  [/\bwsk?_[A-Za-z0-9_-]{16,}/g, hidden],
];

const maxDepth = 6;
const maxItems = 64;

/** A copy of a log record in which nothing hidden is left, at any depth; deeper or wider than is sensible is cut. */
export function redactRecord(record: Record<string, unknown>): Record<string, unknown> {
  return redactMembers(record, 0);
}

/** A text with the credentials in it blotted out. */
export function redactText(text: string): string {
  let result = text;
  for (const [pattern, replacement] of patterns) result = result.replace(pattern, replacement);
  return result;
}

function normalised(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

function redactMembers(record: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    result[name] = hiddenNames.has(normalised(name)) && value !== undefined ? hidden : redactValue(value, depth + 1);
  }
  return result;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth >= maxDepth) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, maxItems).map((each) => redactValue(each, depth + 1));
  if ('toJSON' in value && typeof value.toJSON === 'function') return redactValue(value.toJSON(), depth + 1);
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
  return redactMembers(value, depth);
}

/**
 * An error for the log: kind, code, message, where it was thrown. Its other members are left out, because drivers put
 * rows and requests there; and the messages of parsers, because they quote what they could not parse.
 */
export function describeError(error: Error, depth = 0): Record<string, unknown> {
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined;
  const quotes = error instanceof SyntaxError || error.name === 'ZodError';
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: quotes ? '[may quote content]' : redactText(error.message),
    ...(frames && frames.length > 0 ? { stack: frames.map((line) => line.trim()).join('\n') } : {}),
    ...(error.cause instanceof Error && depth < maxDepth ? { cause: describeError(error.cause, depth + 1) } : {}),
  };
}
