import { isWatershedError } from '#errors';
import { AccessDirectory } from './access-directory.js';
import { keyIdOf, matchesHash, mintCode, mintKey } from './api-key.js';
import type { AccessRecord } from './principal.js';
import {
  assertAccess,
  firstKeyScopes,
  isGuarded,
  ordinaryScopes,
  type Role,
  roles,
  type Scope,
  scopeCatalogue,
  scopes,
  scopesForNewKey,
  scopesForToken,
} from './scopes.js';

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return isWatershedError(error) ? error.code : 'other';
  }
};

describe('scopes', () => {
  it('guard what decides about keys, accounts and consent', () => {
    expect(scopes.filter(isGuarded).sort()).toEqual([
      'account:manage',
      'consents:manage',
      'keys:manage',
      'people:manage',
    ]);
  });

  it.each(roles)('%s: a first key holds what the role may use, an ordinary key nothing that is guarded', (role) => {
    const first = firstKeyScopes(role);
    for (const scope of scopes)
      expect(first.includes(scope)).toBe((scopeCatalogue[scope].roles as readonly Role[]).includes(role));
    expect(ordinaryScopes(first).some(isGuarded)).toBe(false);
    for (const guarded of scopes.filter(isGuarded))
      expect(codeOf(() => scopesForNewKey([guarded], first))).toBe('scope_missing');
  });

  it('never let a key or a token hold more than its maker', () => {
    const held: Scope[] = ['infer', 'keys:manage'];
    expect(scopesForNewKey(undefined, held)).toEqual(['infer']);
    expect(codeOf(() => scopesForNewKey(['pods:read'], held))).toBe('scope_missing');
    expect(scopesForToken(undefined, held)).toEqual(['infer']);
    expect(scopesForToken(['keys:manage', 'keys:manage'], held)).toEqual(['keys:manage']);
    expect(codeOf(() => scopesForToken(['purse:read'], held))).toBe('scope_missing');
  });

  it('need the role as well as the scope', () => {
    const person = { role: 'person' as const, scopes: new Set<string>(['nodes:manage']) };
    expect(codeOf(() => assertAccess(person, { scope: 'nodes:manage' }))).toBe('role_missing');
    expect(codeOf(() => assertAccess({ role: 'operator', scopes: new Set() }, { scope: 'nodes:manage' }))).toBe(
      'scope_missing',
    );
    expect(
      codeOf(() => assertAccess({ role: 'operator', scopes: new Set(['nodes:manage']) }, { scope: 'nodes:manage' })),
    ).toBeUndefined();
    expect(codeOf(() => assertAccess(person, {}))).toBeUndefined();
  });
});

describe('API keys', () => {
  it('carry 256 random bits and their id, and are known by their hash', () => {
    const [one, two] = [mintKey(), mintKey()];
    expect(keyIdOf(one.secret)).toBe(one.keyId);
    expect(one.secret).not.toBe(two.secret);
    expect(matchesHash(one.secret, one.hash)).toBe(true);
    expect(matchesHash(two.secret, one.hash)).toBe(false);
    for (const bad of ['', 'wsk_', `${one.secret}x`, one.secret.slice(0, -1), one.secret.toUpperCase()])
      expect(keyIdOf(bad)).toBeUndefined();
  });

  it('have recovery codes that can be written down', () => {
    expect(mintCode().code).toMatch(/^([0-9a-z]{5}-){7}[0-9a-z]{5}$/);
  });
});

describe('AccessDirectory', () => {
  const minted = mintKey();
  const person = {
    personId: 'p',
    role: 'person' as const,
    homeRegion: 'EU/FR',
    policy: {
      allowedRegions: ['EU/FR'],
      crossBorderAllowed: false,
      encryptionRequired: false,
      retention: { deleteOnRevoke: false, legalHold: false },
    },
  };
  const record = (over: Partial<AccessRecord> = {}): AccessRecord => ({
    keyId: minted.keyId,
    hash: minted.hash,
    scopes: ['infer'],
    person,
    ...over,
  });

  const directoryOver = (find: () => AccessRecord | undefined | Promise<AccessRecord | undefined>) => {
    const port = {
      loads: 0,
      key: async () => {
        port.loads++;
        return find();
      },
      person: async () => person,
    };
    return { port, directory: new AccessDirectory({ port, cacheTtlMs: 60_000, cacheSize: 10, now: () => 1_000_000 }) };
  };

  it('asks once for many requests, and again after it was told to forget', async () => {
    const { port, directory } = directoryOver(() => record());
    await Promise.all(Array.from({ length: 10 }, () => directory.authenticate(minted.secret)));
    await directory.authenticate(minted.secret);
    expect(port.loads).toBe(1);
    directory.forget({ personId: 'p' });
    await directory.authenticate(minted.secret);
    directory.forget({ keyId: minted.keyId });
    await directory.authenticate(minted.secret);
    expect(port.loads).toBe(3);
  });

  it('does not remember what was read before a change that came in between', async () => {
    let answer: (found: AccessRecord) => void = () => undefined;
    let pending: Promise<AccessRecord> | undefined = new Promise((resolve) => {
      answer = resolve;
    });
    const { directory } = directoryOver(() => pending ?? record({ revokedAt: new Date(0) }));
    const early = directory.authenticate(minted.secret);
    directory.forget({ keyId: minted.keyId });
    pending = undefined;
    answer(record());
    await early;
    await expect(directory.authenticate(minted.secret)).rejects.toMatchObject({ code: 'key_revoked' });
  });

  it.each([
    ['revoked', record({ revokedAt: new Date(0) }), 'key_revoked'],
    ['expired', record({ expiresAt: new Date(1_000_000) }), 'key_expired'],
    ['of someone who has gone', record({ person: { ...person, closedAt: new Date(0) } }), 'person_closed'],
    ['of another secret', record({ hash: mintKey().hash }), 'key_unknown'],
    ['of nobody', undefined, 'key_unknown'],
  ])('refuses a key that is %s', async (_what, found, code) => {
    const { directory } = directoryOver(() => found);
    await expect(directory.authenticate(minted.secret)).rejects.toMatchObject({ code });
  });
});
