import { SetMetadata } from '@nestjs/common';
import type { Access } from './engine/scopes.js';

/** What a route asks of its caller, or that it asks nothing. A route without either is refused at start. */
/** By what limit a route that is open to anyone is counted, against the caller's address. */
export type OpenLimit = 'address' | 'recovery' | 'none';

export type RouteAccess = { readonly open: true; readonly limit: OpenLimit } | ({ readonly open: false } & Access);

export const ROUTE_ACCESS = 'watershed.route-access';

/** Anyone may call it. */
export const Open = (limit: OpenLimit = 'address') =>
  SetMetadata(ROUTE_ACCESS, { open: true, limit } satisfies RouteAccess);

/** Only callers with this scope (and a role that may use it). */
export const Needs = (access: Access) => SetMetadata(ROUTE_ACCESS, { open: false, ...access } satisfies RouteAccess);
