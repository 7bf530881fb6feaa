import { comparePaths, pageOfPaths } from './path-order.js';

const paths = ['a', 'a/b', 'a/b%', 'a/c', 'ab', 'b', 'ö', '川', '\uffee', '😀', '😀/x', ''];

test('paths are in the order of their bytes in UTF-8', () => {
  const ours = [...paths].sort(comparePaths);
  expect(ours).toEqual([...paths].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))));
});

test('pages go on where the last one ended, with a prefix and without, wherever they are cut', () => {
  const ordered = paths.map((path) => ({ path })).sort((one, other) => comparePaths(one.path, other.path));
  for (const prefix of ['', 'a', 'a/', 'a/b', '😀', 'none', '\uffff']) {
    const wanted = ordered.filter(({ path }) => path !== '' && path.startsWith(prefix)).map(({ path }) => path);
    for (const limit of [1, 2, 50]) {
      const seen: string[] = [];
      for (let afterPath: string | undefined; ; afterPath = seen.at(-1)) {
        const page = pageOfPaths(ordered, { prefix, afterPath, limit });
        seen.push(...page.map(({ path }) => path));
        if (page.length < limit) break;
      }
      expect(seen).toEqual(wanted);
    }
  }
});
