import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { CompactSign, importJWK, jwtVerify } from 'jose';
import type { PublicJwk } from '#contracts';
import { isWatershedError } from '#errors';
import { propertyRuns } from '#testing';
import {
  addSignature,
  canonicalBytes,
  claimedSigners,
  delegatedKeys,
  digestOf,
  fromBase64Url,
  GrantVerifier,
  generateSigil,
  type PrivateJwk,
  sigilFromPrivateJwk,
  signDocument,
  signGrant,
  thumbprintOf,
  toBase64Url,
  verifyDocument,
  verifySignature,
} from './index.js';

interface Vectors {
  keys: { name: string; private: PrivateJwk; thumbprint: string; source: string }[];
  canonical: { name: string; input: unknown; canonical: string; sha256: string }[];
  documents: {
    name: string;
    key: string;
    typ: string;
    purpose: 'node';
    aud?: string;
    document: { signatures: { protected: string; signature: string }[] };
    valid: boolean;
  }[];
}
const vectors = JSON.parse(readFileSync(new URL('../fixtures/sigil-vectors.json', import.meta.url), 'utf8')) as Vectors;

const typ = 'watershed/test';
async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return isWatershedError(error) ? error.code : `not ours: ${String(error)}`;
  }
}

describe('the test vectors', () => {
  it.each(vectors.keys)('thumbprint of $name ($source)', (each) => {
    expect(thumbprintOf(each.private)).toBe(each.thumbprint);
    expect(sigilFromPrivateJwk('node', each.private).thumbprint).toBe(each.thumbprint);
  });
  it.each(vectors.canonical)('canonical form: $name', (each) => {
    expect(Buffer.from(canonicalBytes(each.input)).toString('utf8')).toBe(each.canonical);
    expect(digestOf(each.input)).toBe(each.sha256);
  });
  it.each(vectors.documents)('document: $name', async (each) => {
    const key = vectors.keys.find(({ name }) => name === each.key);
    if (!key) throw new Error(`no key ${each.key}`);
    const verdict = await code(
      verifyDocument(each.document, { typ: each.typ, purpose: each.purpose, aud: each.aud, key: key.private }),
    );
    expect(verdict).toBe(each.valid ? 'ok' : 'signature_invalid');
    if (!each.valid) return;
    const sigil = sigilFromPrivateJwk(each.purpose, key.private);
    const again = await signDocument(each.document, sigil, { typ: each.typ, aud: each.aud });
    expect(again).toEqual(each.document); // Ed25519 is deterministic
  });
});

describe('a signed document', () => {
  it('is refused for another purpose, typ, aud or key', async () => {
    const [sigil, other] = [await generateSigil('node'), await generateSigil('node')];
    const plain = await signDocument({ a: 1 }, sigil, { typ });
    const addressed = await signDocument({ a: 1 }, sigil, { typ, aud: 'x' });
    const key = sigil.publicJwk;
    expect(await code(verifyDocument(plain, { typ, key, purpose: 'node' }))).toBe('ok');
    expect(await code(verifyDocument(addressed, { typ, key, purpose: 'node', aud: 'x' }))).toBe('ok');
    for (const refused of [
      verifyDocument(plain, { typ, key, purpose: 'operator' }),
      verifyDocument(plain, { typ: 'watershed/other', key, purpose: 'node' }),
      verifyDocument(plain, { typ, key: other.publicJwk, purpose: 'node' }),
      verifyDocument(plain, { typ, key, purpose: 'node', aud: 'x' }),
      verifyDocument(addressed, { typ, key, purpose: 'node', aud: 'y' }),
      verifyDocument(addressed, { typ, key, purpose: 'node' }),
      verifyDocument({ ...plain, signatures: [] }, { typ, key, purpose: 'node' }),
      verifyDocument(
        { ...plain, signatures: [...plain.signatures, ...plain.signatures] },
        { typ, key, purpose: 'node' },
      ),
    ]) {
      expect(await code(refused)).toBe('signature_invalid');
    }
  });

  it('is refused when its header says more than we act on, or claims no algorithm', async () => {
    const sigil = await generateSigil('node');
    const key = sigil.publicJwk;
    const base = { alg: 'EdDSA', typ, kid: sigil.thumbprint, purpose: 'node' };
    const forged = async (header: object) => {
      const protectedHeader = toBase64Url(canonicalBytes(header));
      const input = `${protectedHeader}.${toBase64Url(canonicalBytes({ a: 1 }))}`;
      return {
        a: 1,
        signatures: [{ protected: protectedHeader, signature: toBase64Url(await sigil.sign(Buffer.from(input))) }],
      };
    };
    expect(await code(verifyDocument(await forged(base), { typ, key, purpose: 'node' }))).toBe('ok');
    for (const header of [
      { ...base, alg: 'none' },
      { ...base, crit: ['x'], x: 1 },
      { ...base, jwk: key },
      { ...base, b64: false },
      { ...base, purpose: 'king' },
      [],
    ]) {
      expect(await code(verifyDocument(await forged(header), { typ, key, purpose: 'node' }))).toBe('signature_invalid');
    }
  });

  it('carries several signers, each judged alone; one signer’s new signature replaces the old', async () => {
    const [publisher, registry] = [await generateSigil('operator'), await generateSigil('model')];
    const signed = await signDocument({ a: 1 }, publisher, { typ });
    const twice = await addSignature(await addSignature(signed, registry, { typ }), registry, { typ });
    expect(claimedSigners(twice).map(({ purpose }) => purpose)).toEqual(['operator', 'model']);
    await verifyDocument(twice, { typ, key: publisher.publicJwk, purpose: 'operator' });
    await verifyDocument(twice, { typ, key: registry.publicJwk, purpose: 'model' });
  });

  it('refuses content that has no canonical form, however deep', async () => {
    const sigil = await generateSigil('node');
    let deep: unknown = [];
    for (let n = 0; n < 100_000; n += 1) deep = [deep];
    for (const a of [Number.NaN, '\ud800', deep])
      expect(await code(signDocument({ a }, sigil, { typ }))).toBe('signature_invalid');
  });

  it('does not survive a change of any one character of its JSON text', async () => {
    const sigil = await generateSigil('node');
    const body = { name: 'Lyon', list: [1, 2.5, null, true], nested: { ü: 'é', z: '' } };
    const text = JSON.stringify(await signDocument(body, sigil, { typ, aud: 'me' }));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), async (at, charCode) => {
        const changed = text.slice(0, at) + String.fromCharCode(charCode) + text.slice(at + 1);
        let doc: { signatures: [] };
        try {
          doc = JSON.parse(changed);
        } catch {
          return; // not a document any more
        }
        const same = Buffer.from(canonicalBytes(doc)).equals(Buffer.from(canonicalBytes(JSON.parse(text))));
        const verdict = await code(verifyDocument(doc, { typ, key: sigil.publicJwk, purpose: 'node', aud: 'me' }));
        expect(verdict).toBe(same ? 'ok' : 'signature_invalid');
      }),
      propertyRuns(1500),
    );
  });

  it('does not depend on the order of members, and any JSON value can be signed', async () => {
    const sigil = await generateSigil('node');
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.string({ unit: 'grapheme' }).filter((key) => key !== 'signatures' && key !== '__proto__'),
          fc.jsonValue(),
        ),
        async (body) => {
          const signed = JSON.parse(JSON.stringify(await signDocument(body, sigil, { typ })));
          const reversed = Object.fromEntries(Object.entries(signed).reverse()) as typeof signed;
          await verifyDocument(reversed, { typ, key: sigil.publicJwk, purpose: 'node' });
        },
      ),
      propertyRuns(200),
    );
  });
});

describe('raw signatures', () => {
  it('do not survive a change of any bit of message, signature or key', async () => {
    const sigil = await generateSigil('node');
    const message = Buffer.from('a message of some length');
    const signature = await sigil.sign(message);
    const flip = (bytes: Uint8Array, bit: number) =>
      Uint8Array.from(bytes, (byte, n) => (n === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    for (let bit = 0; bit < 512; bit += 1)
      expect(verifySignature(sigil.publicJwk, message, flip(signature, bit))).toBe(false);
    for (let bit = 0; bit < message.length * 8; bit += 1)
      expect(verifySignature(sigil.publicJwk, flip(message, bit), signature)).toBe(false);
    const keyBytes = fromBase64Url(sigil.publicJwk.x) ?? new Uint8Array();
    for (let bit = 0; bit < 256; bit += 1) {
      const key: PublicJwk = { ...sigil.publicJwk, x: toBase64Url(flip(keyBytes, bit)) };
      expect(verifySignature(key, message, signature)).toBe(false);
    }
    expect(verifySignature({ ...sigil.publicJwk, crv: 'X25519' }, message, signature)).toBe(false);
  });

  it('are never shown with the key: a sigil prints without its secret', async () => {
    const sigil = await generateSigil('root');
    expect(JSON.stringify(sigil)).not.toContain(sigil.exportPrivateJwk().d);
  });

  it('take one text only: base64url with stray bits or characters is refused', () => {
    expect(fromBase64Url('AA')).toHaveLength(1);
    for (const text of ['AB', 'A', 'AA=', 'A A', 'A+', 'AA\n']) expect(fromBase64Url(text)).toBeUndefined();
  });
});

describe('grants', () => {
  const second = 1_790_000_000;
  const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
  const setUp = async () => {
    const sigil = await generateSigil('grant');
    const node = (await generateSigil('node')).thumbprint;
    const claims = {
      iss: node,
      aud: 'c'.repeat(43),
      sub: id(1),
      action: 'infer' as const,
      policy: {
        allowedRegions: ['EU'],
        crossBorderAllowed: false,
        encryptionRequired: false,
        retention: { deleteOnRevoke: false, legalHold: false },
      },
      jti: id(2),
      iat: second,
      exp: second + 60,
    };
    const state = { keys: [sigil.publicJwk], nowMs: second * 1000, asked: 0 };
    const verifier = new GrantVerifier({
      keysFor: (issuer) => {
        state.asked += 1;
        return issuer === node ? state.keys : [];
      },
      clusterId: claims.aud,
      now: () => state.nowMs,
    });
    return { sigil, claims, state, verifier };
  };

  it('say what they allow until they expire, also from the cache', async () => {
    const { sigil, claims, state, verifier } = await setUp();
    const grant = await signGrant(claims, sigil);
    expect(await verifier.verify(grant, { action: 'infer' })).toEqual(claims);
    expect(await verifier.verify(grant)).toEqual(claims);
    expect(await code(verifier.verify(grant, { action: 'store' }))).toBe('grant_invalid');
    state.nowMs += 60_000;
    expect(await code(verifier.verify(grant))).toBe('grant_invalid');
  });

  it('for one order let that one pass and nothing beside, cached or not', async () => {
    const { sigil, claims, verifier } = await setUp();
    const order = '0'.repeat(64);
    const bound = await signGrant({ ...claims, action: 'fund', order }, sigil);
    const free = await signGrant({ ...claims, action: 'fund' }, sigil);
    for (let round = 0; round < 2; round++) {
      expect(await verifier.verify(bound, { action: 'fund', order })).toMatchObject({ order });
      for (const want of [
        {},
        { action: 'fund' as const },
        { order: '1'.repeat(64) },
        { action: 'spend' as const, order },
      ])
        expect(await code(verifier.verify(bound, want))).toBe('grant_invalid');
      expect(await code(verifier.verify(free, { action: 'fund', order }))).toBe('grant_invalid');
    }
  });

  it('die with their issuer’s key, cached or not', async () => {
    const { sigil, claims, state, verifier } = await setUp();
    const grant = await signGrant(claims, sigil);
    await verifier.verify(grant);
    state.keys = [];
    expect(await code(verifier.verify(grant))).toBe('grant_invalid');
  });

  it('are refused of another cluster, issuer, life, or time', async () => {
    const { sigil, claims, verifier } = await setUp();
    for (const wrong of [
      { aud: 'd'.repeat(43) },
      { iss: 'd'.repeat(43) },
      { exp: second + 61 },
      { iat: second + 6, exp: second + 60 },
      { iat: second - 60, exp: second },
    ]) {
      expect(await code(verifier.verify(await signGrant({ ...claims, ...wrong }, sigil)))).toBe('grant_invalid');
    }
  });

  it('are refused when a key of another purpose or typ signed them', async () => {
    const { sigil, claims, verifier } = await setUp();
    const key = await importJWK(sigil.exportPrivateJwk(), 'EdDSA');
    const forged = (header: object) =>
      new CompactSign(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader({ alg: 'EdDSA', kid: sigil.thumbprint, ...header })
        .sign(key);
    expect(await code(verifier.verify(await forged({ typ: 'grant+jwt', purpose: 'grant' })))).toBe('ok');
    for (const header of [
      { typ: 'JWT', purpose: 'grant' },
      { typ: 'grant+jwt', purpose: 'token' },
      { typ: 'grant+jwt' },
      { typ: 'grant+jwt', purpose: 'grant', jku: 'x' },
    ]) {
      expect(await code(verifier.verify(await forged(header)))).toBe('grant_invalid');
    }
    await expect(signGrant(claims, await generateSigil('token'))).rejects.toThrow(TypeError);
  });

  it('do not survive a change of any one character, even while the true one is cached', async () => {
    const { sigil, claims, verifier } = await setUp();
    const grant = await signGrant(claims, sigil);
    await verifier.verify(grant);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ';
    await fc.assert(
      fc.asyncProperty(fc.nat(grant.length - 1), fc.constantFrom(...alphabet), async (at, letter) => {
        fc.pre(grant[at] !== letter);
        expect(await code(verifier.verify(grant.slice(0, at) + letter + grant.slice(at + 1)))).toBe('grant_invalid');
      }),
      propertyRuns(500),
    );
    for (const text of ['', '.', '..', '...', 'a.b.c', `${grant}.`, `${grant}=`, 'x'.repeat(5000)]) {
      expect(await code(verifier.verify(text))).toBe('grant_invalid');
    }
  });

  it('are JWTs that another implementation verifies', async () => {
    const { sigil, claims } = await setUp();
    const key = await importJWK(sigil.publicJwk, 'EdDSA');
    const { payload } = await jwtVerify(await signGrant(claims, sigil), key, {
      typ: 'grant+jwt',
      currentDate: new Date(second * 1000),
    });
    expect(payload).toEqual(claims);
  });
});

describe('delegated keys', () => {
  it('count only for their purpose and their time', async () => {
    const key = (await generateSigil('model')).publicJwk;
    const at = Date.UTC(2026, 0, 2);
    const delegation = {
      keys: [{ purpose: 'model' as const, key, notBefore: '2026-01-02T00:00:00Z', notAfter: '2026-01-03T00:00:00Z' }],
    };
    const count = (purpose: 'model' | 'price', ms: number) =>
      delegatedKeys(
        {
          ...delegation,
          type: 'watershed/delegation',
          clusterId: '',
          epoch: 1,
          rootKey: key,
          nextRootHash: '',
          issuedAt: '',
          signatures: [],
        },
        purpose,
        ms,
      ).length;
    expect([count('model', at), count('price', at), count('model', at - 1), count('model', at + 86_400_000)]).toEqual([
      1, 0, 0, 0,
    ]);
  });
});
