import { SetMetadata } from '@nestjs/common';
import type { Access } from './engine/scopes.js';

/** What a route asks of its caller, or that it asks nothing. A route without either is refused at start. */
export type RouteAccess = { readonly open: true; readonly limited: boolean } | ({ readonly open: false } & Access);

export const ROUTE_ACCESS = 'watershed.route-access';

/** Anyone may call it; counted against their address unless `limited` is false. */
export const Open = (options: { limited?: boolean } = {}) =>
  SetMetadata(ROUTE_ACCESS, { open: true, limited: options.limited ?? true } satisfies RouteAccess);

/** Only callers with this scope (and a role that may use it). */
export const Needs = (access: Access) => SetMetadata(ROUTE_ACCESS, { open: false, ...access } satisfies RouteAccess);
