import { byteRange } from './byte-range.js';

test.each([
  ['bytes=0-0', { first: 0, last: 0 }],
  ['bytes=2-', { first: 2, last: 9 }],
  ['bytes=2-99', { first: 2, last: 9 }],
  ['bytes=-4', { first: 6, last: 9 }],
  ['bytes=-99', { first: 0, last: 9 }],
])('%s of ten bytes', (header, range) => {
  expect(byteRange(header, 10)).toEqual(range);
});

test.each([undefined, '', 'bytes=', 'bytes=0-1,3-4', 'bytes=4-2', 'lines=0-1', 'bytes=a-b', 'bytes=-1-2'])(
  '%s asks for the whole',
  (header) => {
    expect(byteRange(header, 10)).toBeUndefined();
  },
);

test.each([
  ['bytes=10-', 10],
  ['bytes=10-12', 10],
  ['bytes=-0', 10],
  ['bytes=0-', 0],
  ['bytes=-1', 0],
])('%s lies outside %i bytes', (header, size) => {
  expect(() => byteRange(header, size)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});
