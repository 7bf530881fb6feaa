import fc from 'fast-check';
import { errorCodes, isWatershedError, WatershedError } from '#errors';
import { propertyRuns } from '#testing';
import { modelNameOf, pathNameOf } from '../inference/engine/model-path.js';
import { routeHeader } from '../inference/engine/route-header.js';
import { uploadRange } from '../models/blob-uploads.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { nestsDeeperThan } from './json-depth.js';
import { problemOf } from './problem.js';
import { RouteTable } from './route-table.js';

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return isWatershedError(error) ? error.code : 'other';
  }
};

describe('problems', () => {
  it.each(errorCodes)('%s has a status, a title and its own type', (code) => {
    const problem = problemOf(new WatershedError(code, 'Because.', { retryAfterMs: 1.5, details: { a: 1 } }), 'id');
    expect(problem).toMatchObject({
      type: `urn:watershed:problem:${code}`,
      code,
      detail: 'Because.',
      instance: 'urn:uuid:id',
      retryAfterMs: 2,
      details: { a: 1 },
    });
  });

  it('say nothing of an error that is not ours', () => {
    for (const error of [
      new Error('secret'),
      'secret',
      { secret: 1 },
      null,
      undefined,
      new WatershedError('nonsense' as 'internal', 'x'),
    ]) {
      expect(JSON.stringify(problemOf(error, 'id'))).not.toContain('secret');
      expect(problemOf(error, 'id').status).toBe(500);
    }
  });
});

describe('JSON depth', () => {
  const deep = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(deep)) : 0;

  it('is what the parsed value has, whatever stands in strings', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(8), (value, limit) => {
        expect(nestsDeeperThan(Buffer.from(JSON.stringify(value)), limit)).toBe(deep(value) > limit);
      }),
      propertyRuns(500),
    );
    expect(nestsDeeperThan(Buffer.from('"[[[[\\"[[["'), 0)).toBe(false);
    expect(nestsDeeperThan(Buffer.from('['.repeat(100_000)), 64)).toBe(true);
  });
});

describe('cursors', () => {
  it('come back as they were, and only to the listing that gave them', () => {
    const cursor = encodeCursor('keys', 'abc');
    expect(decodeCursor('keys', cursor, /^abc$/)).toBe('abc');
    expect(codeOf(() => decodeCursor('people', cursor, /^abc$/))).toBe('cursor_invalid');
    expect(codeOf(() => decodeCursor('keys', cursor, /^\d+$/))).toBe('cursor_invalid');
    expect(codeOf(() => decodeCursor('keys', '%%%', /./))).toBe('cursor_invalid');
    expect(decodeCursor('keys', undefined, /./)).toBeUndefined();
  });
});

describe('the route table', () => {
  it('tells a wrong method from a wrong path', () => {
    const table = new RouteTable();
    table.add('/v1/keys', ['GET', 'HEAD']);
    table.add('/v1/keys', ['POST']);
    table.add('/v1/keys/:id', ['DELETE']);
    table.add('/v1/pods/:id/resources/*', ['PUT']);
    expect(table.refusal('PUT', '/v1/keys?x=1')).toMatchObject({
      error: { code: 'method_not_allowed' },
      allow: 'GET, HEAD, POST',
    });
    expect(table.refusal('GET', '/v1/keys/7').allow).toBe('DELETE');
    expect(table.refusal('GET', '/v1/pods/1/resources/a/b').allow).toBe('PUT');
    expect(table.refusal('GET', '/v1/keysx').error.code).toBe('not_found');
  });
});

describe('model names in paths', () => {
  it('translate without loss', () => {
    expect(modelNameOf('watershed--language-id')).toBe('watershed/language-id');
    expect(pathNameOf(modelNameOf('a.b--c-d'))).toBe('a.b--c-d');
    for (const bad of ['a', 'a--b--c', '--a', 'a--', 'A--b', '../x'])
      expect(codeOf(() => modelNameOf(bad))).toBe('model_unknown');
  });
});

describe('the route header', () => {
  it('names what is known', () => {
    expect(routeHeader({})).toBe('local');
    expect(routeHeader({ nodeId: 'n', model: 'a/b', attempts: 2 })).toBe('local; node=n; model=a/b; attempts=2');
  });
});

describe('the range of an upload', () => {
  it('is the whole body, or what Content-Range says', () => {
    expect(uploadRange({ 'content-length': '10' }, 100)).toEqual({ fromBytes: 0, lengthBytes: 10, sizeBytes: 10 });
    const partial = { 'content-length': '5', 'content-range': 'bytes 5-9/10' };
    expect(uploadRange(partial, 100)).toEqual({ fromBytes: 5, lengthBytes: 5, sizeBytes: 10 });
    expect(uploadRange({ 'content-range': 'bytes 5-9/10' }, 100)).toMatchObject({ lengthBytes: 5 });
  });

  it.each([
    [{}, 'invalid_request'],
    [{ 'content-length': '0' }, 'invalid_request'],
    [{ 'content-length': '4', 'content-range': 'bytes 5-9/10' }, 'invalid_request'],
    [{ 'content-length': '6', 'content-range': 'bytes 5-10/10' }, 'invalid_request'],
    [{ 'content-length': '5', 'content-range': 'items 5-9/10' }, 'invalid_request'],
    [{ 'content-length': '101' }, 'body_too_large'],
  ])('%j is refused', (headers, code) => {
    expect(codeOf(() => uploadRange(headers, 100))).toBe(code);
  });
});
