import { jest } from '@jest/globals';
import { isWatershedError, toWireError, WatershedError } from './watershed-error.js';

class LimitError extends WatershedError {
  override readonly name = 'LimitError';
}

describe('a refusal', () => {
  it('is recognised whatever its subclass is called, and keeps its code on the wire', () => {
    const error = new LimitError('rate_limited', 'Ask again in a second.', { retryAfterMs: 1_000 });
    expect(isWatershedError(error)).toBe(true);
    expect(isWatershedError(error, 'rate_limited')).toBe(true);
    expect(isWatershedError(error, 'internal')).toBe(false);
    expect(toWireError(error)).toEqual({
      code: 'rate_limited',
      message: 'Ask again in a second.',
      retryAfterMs: 1_000,
    });
  });

  it('is recognised by another copy of the package', async () => {
    jest.resetModules();
    const other = await import('./watershed-error.js');
    expect(other.WatershedError).not.toBe(WatershedError);
    expect(isWatershedError(new other.WatershedError('not_found', 'There is none.'), 'not_found')).toBe(true);
    expect(other.toWireError(new LimitError('not_found', 'There is none.')).code).toBe('not_found');
  });

  it('crosses the wire as it was', () => {
    const wire = { code: 'region_unknown', message: 'No such region.', details: { region: 'XX' } } as const;
    expect(toWireError(WatershedError.fromWire(wire))).toEqual(wire);
  });
});

describe('what is not a refusal', () => {
  const impostor = Object.assign(new Error('SELECT secret'), { name: 'WatershedError', code: 'not_found' });
  const notFile = Object.assign(new Error('ENOENT: /home/ada'), { code: 'ENOENT' });

  it.each([impostor, notFile, new TypeError('x'), 'text', null, undefined, { code: 'not_found' }])(
    'becomes internal and keeps its text inside: %p',
    (thrown) => {
      expect(isWatershedError(thrown)).toBe(false);
      const wire = toWireError(thrown);
      expect(wire.code).toBe('internal');
      expect(wire.message).not.toMatch(/secret|ada|text/);
    },
  );
});
