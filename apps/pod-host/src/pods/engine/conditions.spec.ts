import { etagOf, isKnownToReader, requireConditions } from './conditions.js';
import type { ResourceRecord } from './pod.ports.js';

const resource: ResourceRecord = {
  path: 'a',
  contentType: 'text/plain',
  sizeBytes: 1,
  sha256: 'a'.repeat(64),
  modifiedAt: new Date(0),
};
const etag = etagOf(resource);
const conflict = expect.objectContaining({ code: 'conflict' });

test('the tag changes with the bytes and with their type', () => {
  expect(etag).toMatch(/^"[\w-]{27}"$/);
  expect(etagOf({ ...resource, sha256: 'b'.repeat(64) })).not.toBe(etag);
  expect(etagOf({ ...resource, contentType: 'text/html' })).not.toBe(etag);
  expect(etagOf({ ...resource })).toBe(etag);
});

test.each([{}, { ifMatch: '*' }, { ifMatch: etag }, { ifMatch: `"x" , ${etag}` }, { ifNoneMatch: '"x"' }])(
  '%j lets a change of what is there pass',
  (conditions) => expect(() => requireConditions(conditions, resource)).not.toThrow(),
);

test.each([{ ifMatch: '"x"' }, { ifMatch: `W/${etag}` }, { ifNoneMatch: '*' }, { ifNoneMatch: etag }])(
  '%j refuses it',
  (conditions) => expect(() => requireConditions(conditions, resource)).toThrow(conflict),
);

test('where nothing is, only what expects nothing passes', () => {
  expect(() => requireConditions({ ifNoneMatch: '*' }, undefined)).not.toThrow();
  expect(() => requireConditions({ ifMatch: '*' }, undefined)).toThrow(conflict);
  expect(() => requireConditions({ ifMatch: etag }, undefined)).toThrow(conflict);
});

test('a reader that has the bytes is told so', () => {
  expect(isKnownToReader({ ifNoneMatch: `W/${etag}` }, resource)).toBe(true);
  expect(isKnownToReader({ ifNoneMatch: '"x"' }, resource)).toBe(false);
  expect(isKnownToReader({}, resource)).toBe(false);
});
