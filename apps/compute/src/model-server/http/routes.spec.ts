import { preferredEncoding } from './exchange.js';
import { routeOf } from './routes.js';

describe('routeOf', () => {
  it.each([
    ['/v2', 'metadata', '', ''],
    ['/v2/health/live?x=1', 'live', '', ''],
    ['/v2/models/a/infer', 'infer', 'a', ''],
    ['/v2/models/org--a%20b/versions/12/infer', 'infer', 'org--a b', '12'],
    ['/v2/models/stats', 'model-stats', '', ''],
    ['/v2/models/stats/stats', 'model-stats', 'stats', ''],
    ['/v2/models/a/versions/1', 'model-metadata', 'a', '1'],
    ['/v2/models/a/generate_stream', 'generate-stream', 'a', ''],
    ['/v2/repository/index', 'index', '', ''],
    ['/v2/repository/models/a/unload', 'unload', 'a', ''],
    ['/v2/models/a/trace/setting', 'trace', 'a', ''],
  ])('%s', (target, name, model, version) => {
    expect(routeOf(target)).toMatchObject({ name, model, version });
  });

  it.each([
    '/',
    '/v2/',
    '/v1/models',
    '/v2/nothere',
    '/v2/models/',
    '/v2/models/a/versions/x/ready',
    '/v2/models/a/infer/',
    '/v2/models/%ff/infer',
    '/v2/models/a/versions/1/trace/setting',
    'http://other/v2',
    '/constructor',
  ])('knows no %s', (target) => {
    expect(routeOf(target)).toBeUndefined();
  });
});

describe('preferredEncoding', () => {
  it.each([
    ['gzip', 'gzip'],
    ['br', 'identity'],
    ['deflate;q=0.5, gzip;q=0.9', 'gzip'],
    ['gzip, deflate', 'gzip'],
    ['identity, gzip', 'identity'],
    ['gzip;q=x', 'identity'],
    ['gzip;q=0', 'identity'],
    ['', 'identity'],
  ])('%s', (accepted, encoding) => {
    expect(preferredEncoding(accepted)).toBe(encoding);
  });
});
