import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** A way to hide a text, for planting: what `CanarySearch` must see through. */
export interface Disguise {
  readonly name: string;
  readonly wear: (text: string) => Buffer;
  /** Without a head: only a whole value or file tells that it is one. */
  readonly isHeadless?: boolean;
}

const padding = 'it rained all night and the river rose over its banks; ';
const json = (text: string): Buffer => Buffer.from(JSON.stringify({ note: `"${text}"`, more: [padding] }));
const encoded = (encoding: 'base64' | 'base64url' | 'hex', before: string) => (text: string) =>
  Buffer.from(Buffer.from(`${before}${text} and more`).toString(encoding));
const numbers = (text: string): string => [...Buffer.from(text)].join(',');

export const disguises: readonly Disguise[] = [
  { name: 'plain', wear: (text) => Buffer.from(text) },
  { name: 'plain in JSON in JSON', wear: (text) => Buffer.from(JSON.stringify(json(text).toString())) },
  ...['', '.', '..'].flatMap((before) => [
    { name: `base64 at ${before.length}`, wear: encoded('base64', before) },
    // Characters that the two alphabets write differently stand around it.
    { name: `base64url at ${before.length}`, wear: encoded('base64url', `\u00ff\u00bf\u00ff${before}`) },
  ]),
  { name: 'hex', wear: encoded('hex', '') },
  { name: 'HEX', wear: (text) => Buffer.from(Buffer.from(text).toString('hex').toUpperCase()) },
  { name: 'UTF-16LE', wear: (text) => Buffer.from(`${padding}${text}`, 'utf16le') },
  { name: 'UTF-16BE', wear: (text) => Buffer.from(`${padding}${text}`, 'utf16le').swap16() },
  {
    name: 'JSON escapes',
    wear: (text) =>
      Buffer.from([...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')),
  },
  {
    name: 'percent escapes',
    wear: (text) => Buffer.from([...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join('')),
  },
  { name: 'a tensor', wear: (text) => Buffer.from(`{"shape":[${text.length}],"data":[${numbers(text)}]}`) },
  { name: 'gzip', wear: (text) => gzipSync(padding + text) },
  { name: 'gzip of gzip of JSON', wear: (text) => gzipSync(gzipSync(json(text))) },
  { name: 'gzip in base64', wear: (text) => Buffer.from(gzipSync(padding + text).toString('base64')) },
  { name: 'zlib, the usual level', wear: (text) => deflateSync(padding + text) },
  { name: 'zlib, level 1', wear: (text) => deflateSync(padding + text, { level: 1 }) },
  { name: 'zlib, level 9, of base64', wear: (text) => deflateSync(encoded('base64', '.')(text), { level: 9 }) },
  { name: 'zlib, level 4, of UTF-16', wear: (text) => deflateSync(Buffer.from(text, 'utf16le'), { level: 4 }) },
  { name: 'deflate', wear: (text) => deflateRawSync(padding + text), isHeadless: true },
];
