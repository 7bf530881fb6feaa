/** One way in which a text may lie somewhere without standing there. */
export interface Form {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Shorter runs than this would be found by chance. */
export const shortestCanary = 16;

/** Base64 of a text that begins at the given place of a group of three: only the characters that are the text's alone. */
function base64At(text: Buffer, offset: 0 | 1 | 2, alphabet: 'base64' | 'base64url'): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(offset), text])
    .toString(alphabet)
    .replaceAll('=', '');
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(((offset + text.length) * 8) / 6);
  return Buffer.from(encoded.slice(first, last));
}

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

const everyByte = (text: Buffer, write: (byte: number) => string, between = ''): Buffer =>
  Buffer.from([...text].map(write).join(between));

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

/**
 * What to look for to find `text` plain, in base64 at its three offsets, in hex, in UTF-16, in the escapes of JSON, URLs
 * and Redis' MONITOR, as a list of numbers (a tensor's), and cut into the runs of eight that LZ compressors leave of text
 * they have not seen before.
 */
export function formsOf(text: string): readonly Form[] {
  if (text.length < shortestCanary) throw new RangeError(`a canary has at least ${shortestCanary} characters`);
  const bytes = Buffer.from(text, 'utf8');
  const forms: Form[] = [
    { name: 'plain', bytes },
    { name: 'upper case', bytes: Buffer.from(text.toUpperCase()) },
    { name: 'hex', bytes: Buffer.from(bytes.toString('hex')) },
    { name: 'HEX', bytes: Buffer.from(bytes.toString('hex').toUpperCase()) },
    { name: 'UTF-16LE', bytes: Buffer.from(text, 'utf16le') },
    { name: 'UTF-16BE', bytes: utf16be(text) },
    { name: 'JSON \\u', bytes: everyByte(bytes, (byte) => `\\u00${hexOf(byte)}`) },
    { name: 'JSON \\U', bytes: everyByte(bytes, (byte) => `\\u00${hexOf(byte).toUpperCase()}`) },
    { name: '%xx', bytes: everyByte(bytes, (byte) => `%${hexOf(byte)}`) },
    { name: '%XX', bytes: everyByte(bytes, (byte) => `%${hexOf(byte).toUpperCase()}`) },
    { name: '\\x', bytes: everyByte(bytes, (byte) => `\\x${hexOf(byte)}`) },
    { name: 'numbers', bytes: everyByte(bytes, String, ',') },
    { name: 'numbers with spaces', bytes: everyByte(bytes, String, ', ') },
    { name: 'numbers on lines', bytes: everyByte(bytes, String, '\n') },
  ];
  for (const offset of [0, 1, 2] as const) {
    const standard = base64At(bytes, offset, 'base64');
    const url = base64At(bytes, offset, 'base64url');
    forms.push({ name: `base64 at ${offset}`, bytes: standard });
    if (!url.equals(standard)) forms.push({ name: `base64url at ${offset}`, bytes: url });
  }
  // pglz, LZF and LZ4 copy what is new as it is, in groups of eight or more: one whole group of any alignment lies in 15.
  for (let at = 0; at < 8; at += 1) forms.push({ name: `eight at ${at}`, bytes: bytes.subarray(at, at + 8) });
  return forms;
}
