import { WatershedError } from '#errors';

/** The routes that exist, to tell a wrong method (405 with Allow) from a wrong path (404). */
export class RouteTable {
  private readonly routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  add(url: string, methods: readonly string[]): void {
    if (url === '*') return; // preflights: no route of ours
    const known = this.routes.get(url);
    if (known) for (const method of methods) known.methods.add(method);
    else this.routes.set(url, { pattern: patternOf(url), methods: new Set(methods) });
  }

  methodsAt(path: string): string[] {
    const found = new Set<string>();
    for (const { pattern, methods } of this.routes.values()) {
      if (pattern.test(path)) for (const method of methods) found.add(method);
    }
    return [...found].sort();
  }

  /** What to answer where no route matched. */
  refusal(method: string, url: string): { error: WatershedError; allow?: string } {
    const path = url.split('?', 1)[0] ?? '';
    const methods = this.methodsAt(path);
    if (methods.length === 0) {
      return { error: new WatershedError('not_found', 'No route has this path. See /docs for those that exist.') };
    }
    return {
      error: new WatershedError('method_not_allowed', `${method} is not allowed here; ${methods.join(', ')} is.`, {
        details: { allow: methods },
      }),
      allow: methods.join(', '),
    };
  }
}

function patternOf(url: string): RegExp {
  const escaped = url
    .split('/')
    .map((segment) =>
      segment.startsWith(':') ? '[^/]+' : segment === '*' ? '.+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('/');
  return new RegExp(`^${escaped}$`);
}
