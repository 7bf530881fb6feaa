/**
 * How text becomes the features of `watershed/language-id`: hashed n-grams of its UTF-8 bytes. Every step here exists a
 * second time as ONNX operators in export-onnx.ts and must stay the same, number for number; a test compares the two.
 */

/** n-grams of 1 to this many bytes. */
export const longestNgram = 6;
/** Rows of the weight table; a power of two only by habit, the hash is taken modulo it. */
export const buckets = 131_072;
/** hash(b₁…bₙ) = (hash(b₁…bₙ₋₁) · multiplier + bₙ + 1) mod prime: stays below 2⁵³, so doubles and INT64 agree exactly. */
export const hashPrime = 33_554_393;
export const hashMultiplier = 1_000_003;

const space = 0x20;

/**
 * Byte → byte: ASCII capitals become small; ASCII digits, controls and punctuation become spaces, save the apostrophe
 * (l'eau, м'яч) and the comma, which Danish puts before a clause where Norwegian does not.
 */
export const byteFold: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x41 && byte <= 0x5a) return byte + 0x20;
  if (byte >= 0x61 && byte <= 0x7a) return byte;
  if (byte >= 0x80 || byte === 0x27 || byte === 0x2c) return byte;
  return space;
});

/**
 * Folds capitals and collapses spaces. Beyond ASCII, two rules on two-byte characters suffice: Latin-1 (C3 80–9E), and
 * Greek and Cyrillic, whose capitals lie at CE/D0 90–AF and whose small letters lie 32 code points on. One space is put
 * before and after, so word ends show and the empty text has a feature too.
 */
export function foldBytes(utf8: Uint8Array): Uint8Array {
  const size = utf8.length + 2;
  const padded = new Uint8Array(size).fill(space);
  for (let i = 0; i < utf8.length; i++) padded[i + 1] = byteFold[utf8[i] ?? 0] ?? space;
  const folded = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const byte = padded[i] ?? space;
    const before = i > 0 ? (padded[i - 1] ?? space) : space;
    const after = i < size - 1 ? (padded[i + 1] ?? space) : space;
    const movesUp = isGreekOrCyrillicLead(byte) && after >= 0xa0 && after <= 0xaf;
    const latin = before === 0xc3 && byte >= 0x80 && byte <= 0x9e;
    const early = isGreekOrCyrillicLead(before) && byte >= 0x90 && byte <= 0x9f;
    const late = isGreekOrCyrillicLead(before) && byte >= 0xa0 && byte <= 0xaf;
    folded[i] = byte + (movesUp ? 1 : 0) + (latin || early ? 0x20 : 0) - (late ? 0x20 : 0);
  }
  return folded.filter((byte, i) => byte !== space || i === 0 || folded[i - 1] !== space);
}

const isGreekOrCyrillicLead = (byte: number): boolean => byte === 0xce || byte === 0xd0;

/**
 * The rows of the weight table that a text touches: for each order n and each position the hash of the n bytes that
 * start there (zeros beyond the end), orders one after the other, repeats included.
 */
export function featuresOf(utf8: Uint8Array): Int32Array {
  const bytes = foldBytes(utf8);
  const rows = new Int32Array(bytes.length * longestNgram);
  const hashes = new Float64Array(bytes.length);
  for (let order = 0; order < longestNgram; order++) {
    for (let i = 0; i < bytes.length; i++) {
      const hash = ((hashes[i] ?? 0) * hashMultiplier + (bytes[i + order] ?? 0) + 1) % hashPrime;
      hashes[i] = hash;
      rows[order * bytes.length + i] = hash % buckets;
    }
  }
  return rows;
}
