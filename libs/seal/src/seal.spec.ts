import { randomBytes } from 'node:crypto';
import { openBytes, sealBytes } from './seal.js';

test('what was sealed opens under its key and in its context, whole, and nowhere else', () => {
  const [key, other] = [randomBytes(32), randomBytes(32)];
  const sealed = sealBytes(key, Buffer.from('the river'), 'p/1');
  expect(openBytes(key, sealed, 'p/1').toString()).toBe('the river');
  expect(() => openBytes(other, sealed, 'p/1')).toThrow();
  expect(() => openBytes(key, sealed, 'p/2')).toThrow();
  for (let at = 0; at < sealed.length; at += 1) {
    const tampered = Uint8Array.from(sealed);
    tampered[at] = (tampered[at] ?? 0) ^ 1;
    expect(() => openBytes(key, tampered, 'p/1')).toThrow();
  }
  for (const cut of [0, 11, 27, sealed.length - 1])
    expect(() => openBytes(key, sealed.subarray(0, cut), 'p/1')).toThrow();
  expect(Buffer.from(sealed).includes('river')).toBe(false);
  expect(sealBytes(key, Buffer.from('the river'), 'p/1')).not.toEqual(sealed);
});
