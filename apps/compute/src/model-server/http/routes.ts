export type RouteName =
  | 'metadata'
  | 'live'
  | 'ready'
  | 'model-metadata'
  | 'model-ready'
  | 'model-config'
  | 'model-stats'
  | 'infer'
  | 'generate'
  | 'generate-stream'
  | 'index'
  | 'load'
  | 'unload'
  | 'trace'
  | 'logging'
  | 'shared-memory-status'
  | 'shared-memory';

export interface Route {
  readonly name: RouteName;
  readonly method: 'GET' | 'POST';
  readonly model: string;
  /** As written: digits, or empty. */
  readonly version: string;
  readonly repository: string;
}

const MODEL =
  /^\/v2\/models\/([^/]+)(?:\/versions\/([0-9]+))?(?:\/(infer|generate|generate_stream|ready|config|stats|trace\/setting))?$/;
const REPOSITORY = /^\/v2\/repository(?:\/([^/]+))?\/(?:index|models\/([^/]+)\/(load|unload))$/;
const SHARED_MEMORY = /^\/v2\/(?:system|cuda)sharedmemory(?:\/region\/[^/]+)?\/(status|register|unregister)$/;

const fixed: Readonly<Record<string, readonly [RouteName, 'GET' | 'POST']>> = {
  '/v2': ['metadata', 'GET'],
  '/v2/health/live': ['live', 'GET'],
  '/v2/health/ready': ['ready', 'GET'],
  '/v2/models/stats': ['model-stats', 'GET'],
  '/v2/logging': ['logging', 'GET'],
  '/v2/trace/setting': ['trace', 'GET'],
};

const modelRoutes: Readonly<Record<string, readonly [RouteName, 'GET' | 'POST']>> = {
  infer: ['infer', 'POST'],
  generate: ['generate', 'POST'],
  generate_stream: ['generate-stream', 'POST'],
  ready: ['model-ready', 'GET'],
  config: ['model-config', 'GET'],
  stats: ['model-stats', 'GET'],
  '': ['model-metadata', 'GET'],
};

/** The route of a request target; undefined where there is none. The method is checked by the caller. */
export function routeOf(target: string): Route | undefined {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  const known = Object.hasOwn(fixed, path) ? fixed[path] : undefined;
  if (known) return { name: known[0], method: known[1], model: '', version: '', repository: '' };
  const model = MODEL.exec(path);
  if (model) return modelRoute(model[1] ?? '', model[2] ?? '', model[3] ?? '');
  const repository = REPOSITORY.exec(path);
  if (repository) {
    const [, name = '', repositoryModel, action] = repository;
    const route = { method: 'POST' as const, version: '', repository: name };
    if (repositoryModel === undefined) return { ...route, name: 'index', model: '' };
    const decoded = decode(repositoryModel);
    return decoded === undefined
      ? undefined
      : { ...route, name: action === 'load' ? 'load' : 'unload', model: decoded };
  }
  const memory = SHARED_MEMORY.exec(path);
  if (!memory) return undefined;
  const status = memory[1] === 'status';
  return {
    name: status ? 'shared-memory-status' : 'shared-memory',
    method: status ? 'GET' : 'POST',
    model: '',
    version: '',
    repository: '',
  };
}

function modelRoute(encoded: string, version: string, action: string): Route | undefined {
  const model = decode(encoded);
  if (model === undefined) return undefined;
  if (action === 'trace/setting') {
    return version === '' ? { name: 'trace', method: 'GET', model, version, repository: '' } : undefined;
  }
  const [name, method] = modelRoutes[action] ?? ['model-metadata', 'GET'];
  return { name, method, model, version, repository: '' };
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    // Malformed percent-encoding names nothing.
    return undefined;
  }
}
