import { WatershedError } from '#errors';

/** Who someone is to this cluster. Kept by us; a foreign token never carries one. */
export const roles = ['person', 'operator', 'auditor'] as const;
export type Role = (typeof roles)[number];

/**
 * Everything a key can be allowed to do. `guarded` scopes decide about keys, consent and accounts, one's own or
 * others': only a person's first key (and its rotations) may hold them, never an ordinary key, and so never an agent. `roles` names who may use a scope.
 */
export const scopeCatalogue = {
  infer: { title: 'Run models', guarded: false, roles: ['person', 'operator', 'auditor'] },
  'pods:read': { title: 'Read own pods', guarded: false, roles: ['person', 'operator', 'auditor'] },
  'pods:write': {
    title: 'Create, change and delete own pods',
    guarded: false,
    roles: ['person', 'operator', 'auditor'],
  },
  'purse:read': { title: 'See purse, statement and usage', guarded: false, roles: ['person', 'operator', 'auditor'] },
  'account:read': { title: 'See the account', guarded: false, roles: ['person', 'operator', 'auditor'] },
  'account:manage': {
    title: 'Change the policy, close the account',
    guarded: true,
    roles: ['person', 'operator', 'auditor'],
  },
  'keys:manage': { title: 'Create, rotate and revoke keys', guarded: true, roles: ['person', 'operator', 'auditor'] },
  'consents:manage': { title: 'Give and revoke consent', guarded: true, roles: ['person', 'operator', 'auditor'] },
  'nodes:read': { title: 'See nodes', guarded: false, roles: ['operator', 'auditor'] },
  'nodes:manage': { title: 'Bring proposals and ballots that operators signed', guarded: false, roles: ['operator'] },
  'models:manage': { title: 'Upload, review, price and place models', guarded: false, roles: ['operator'] },
  'grants:create': { title: 'Grant money to people', guarded: false, roles: ['operator'] },
  'people:manage': { title: 'List and invite people, set roles', guarded: true, roles: ['operator'] },
  'audit:read': {
    title: 'Read the audit log and the totals of the ledger',
    guarded: false,
    roles: ['operator', 'auditor'],
  },
} as const satisfies Record<string, { title: string; guarded: boolean; roles: readonly Role[] }>;

export type Scope = keyof typeof scopeCatalogue;
export const scopes = Object.keys(scopeCatalogue) as [Scope, ...Scope[]];

const rolesOf = (scope: Scope): readonly Role[] => scopeCatalogue[scope].roles;

export const isScope = (text: string): text is Scope => Object.hasOwn(scopeCatalogue, text);
export const isGuarded = (scope: Scope): boolean => scopeCatalogue[scope].guarded;

/** What the first key of someone in this role holds. */
export function firstKeyScopes(role: Role): Scope[] {
  return scopes.filter((scope) => rolesOf(scope).includes(role));
}

/** What a key or token holds when nothing was asked for: all that its maker holds, less what is guarded. */
export function ordinaryScopes(held: readonly Scope[]): Scope[] {
  return held.filter((scope) => !isGuarded(scope));
}

/**
 * The scopes of a new ordinary key. Throws `scope_missing` when it asks for more than its maker holds, or for a scope
 * that an ordinary key may never hold.
 */
export function scopesForNewKey(asked: readonly Scope[] | undefined, held: readonly Scope[]): Scope[] {
  if (!asked) return ordinaryScopes(held);
  const guarded = asked.filter(isGuarded);
  if (guarded.length > 0) {
    throw new WatershedError(
      'scope_missing',
      `Only a first key may hold ${guarded.join(', ')}. Ask for other scopes.`,
      {
        details: { scopes: guarded },
      },
    );
  }
  return narrowed(asked, held);
}

/** The scopes of a token: what was asked for out of what its key holds; guarded ones only when asked for by name. */
export function scopesForToken(asked: readonly Scope[] | undefined, held: readonly Scope[]): Scope[] {
  return asked ? narrowed(asked, held) : ordinaryScopes(held);
}

function narrowed(asked: readonly Scope[], held: readonly Scope[]): Scope[] {
  const missing = asked.filter((scope) => !held.includes(scope));
  if (missing.length > 0) {
    throw new WatershedError('scope_missing', `The key you use does not hold ${missing.join(', ')} itself.`, {
      details: { scopes: missing },
    });
  }
  return [...new Set(asked)];
}

/** What a caller must bring to a route. */
export interface Access {
  readonly scope?: Scope;
  readonly roles?: readonly Role[];
}

/** Throws `role_missing` or `scope_missing` unless `who` may do what `access` asks for. */
export function assertAccess(who: { role: Role; scopes: ReadonlySet<string> }, access: Access): void {
  const wanted = access.roles ?? (access.scope ? rolesOf(access.scope) : undefined);
  if (wanted && !wanted.includes(who.role)) {
    throw new WatershedError('role_missing', `This needs the role ${wanted.join(' or ')}.`, {
      details: { roles: [...wanted] },
    });
  }
  if (access.scope && !who.scopes.has(access.scope)) {
    throw new WatershedError('scope_missing', `This needs the scope ${access.scope}. Use a key that holds it.`, {
      details: { scope: access.scope },
    });
  }
}
