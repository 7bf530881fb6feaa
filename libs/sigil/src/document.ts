import { type KeyPurpose, keyPurpose, type PublicJwk } from '#contracts';
import { WatershedError } from '#errors';
import { canonicalBytes, fromBase64Url, toBase64Url } from './canonical.js';
import { type Sigil, thumbprintOf, verifySignature } from './sigil.js';

export interface DocumentSignature {
  readonly protected: string;
  readonly signature: string;
}

export interface SignOptions {
  /** Kind of the document, one of `documentTyp`. */
  readonly typ: string;
  /** Whom it is addressed to, where it is addressed to someone. */
  readonly aud?: string;
}

export interface VerifyOptions extends SignOptions {
  readonly key: PublicJwk;
  readonly purpose: KeyPurpose;
}

/** What a signature says of itself, before anyone believes it. */
export interface SignatureHeader {
  readonly alg: 'EdDSA';
  readonly typ: string;
  readonly kid: string;
  readonly purpose: KeyPurpose;
  readonly aud?: string;
}

const maxHeaderLength = 4096;
const maxSignatures = 8;

/**
 * Signs a document: a detached JWS (RFC 7515 appendix F) over the JCS form of all its members but `signatures`, which
 * are replaced. The document must already be in the form in which it will be sent: defaults that a schema fills in
 * later would change what was signed.
 */
export async function signDocument<Doc extends object>(
  doc: Doc,
  sigil: Sigil,
  options: SignOptions,
): Promise<Omit<Doc, 'signatures'> & { signatures: DocumentSignature[] }> {
  const body = withoutSignatures(doc);
  return { ...body, signatures: [await signatureOver(body, sigil, options)] };
}

/** Adds one more signer to a signed document; a signature of the same key for the same purpose is replaced. */
export async function addSignature<Doc extends { signatures: readonly DocumentSignature[] }>(
  doc: Doc,
  sigil: Sigil,
  options: SignOptions,
): Promise<Omit<Doc, 'signatures'> & { signatures: DocumentSignature[] }> {
  const body = withoutSignatures(doc);
  const others = doc.signatures.filter((each) => {
    const header = readHeader(each);
    return header.kid !== sigil.thumbprint || header.purpose !== sigil.purpose;
  });
  if (others.length >= maxSignatures) throw refuse('it has too many signatures');
  return { ...body, signatures: [...others, await signatureOver(body, sigil, options)] };
}

/**
 * Throws `signature_invalid` unless exactly one signature of `key` for `purpose` stands under the document, of this
 * `typ` and `aud`, and holds. An `aud` that the verifier did not name is refused too: such a document is meant for
 * someone else. Signatures of other keys are not judged, but must be well formed.
 */
export async function verifyDocument(
  doc: { signatures: readonly DocumentSignature[] },
  options: VerifyOptions,
): Promise<void> {
  if (!Array.isArray(doc.signatures) || doc.signatures.length === 0 || doc.signatures.length > maxSignatures) {
    throw refuse('it has no signatures, or too many');
  }
  const kid = thumbprintOf(options.key);
  const own = doc.signatures
    .map((entry: DocumentSignature) => ({ entry, header: readHeader(entry) }))
    .filter(({ header }) => header.kid === kid && header.purpose === options.purpose);
  const [found, second] = own;
  if (!found) throw refuse(`no signature of this key for the purpose "${options.purpose}"`);
  if (second) throw refuse('two signatures of one key');
  if (found.header.typ !== options.typ) throw refuse(`it was signed as "${found.header.typ}", not as "${options.typ}"`);
  if (found.header.aud !== options.aud) throw refuse('it is addressed to someone else');
  const text: unknown = found.entry.signature; // nobody has parsed this document yet
  const signature = typeof text === 'string' ? fromBase64Url(text) : undefined;
  if (!signature || !verifySignature(options.key, signingInput(doc, found.entry.protected), signature)) {
    throw refuse('the signature does not belong to this content');
  }
}

/** Who claims to have signed, for choosing the key to verify with; nothing here is proven. */
export function claimedSigners(doc: { signatures: readonly DocumentSignature[] }): SignatureHeader[] {
  return doc.signatures.map(readHeader);
}

async function signatureOver(body: object, sigil: Sigil, { typ, aud }: SignOptions): Promise<DocumentSignature> {
  const header = {
    alg: 'EdDSA',
    typ,
    kid: sigil.thumbprint,
    purpose: sigil.purpose,
    ...(aud === undefined ? {} : { aud }),
  };
  const protectedHeader = toBase64Url(canonicalBytes(header));
  const signature = await sigil.sign(signingInput(body, protectedHeader));
  return { protected: protectedHeader, signature: toBase64Url(signature) };
}

function signingInput(doc: object, protectedHeader: string): Uint8Array {
  let payload: Uint8Array;
  try {
    payload = canonicalBytes(withoutSignatures(doc));
  } catch (cause) {
    throw refuse('it has no canonical JSON form', cause); // NaN, a lone surrogate, a cycle, or nesting beyond the stack
  }
  return Buffer.from(`${protectedHeader}.${toBase64Url(payload)}`, 'ascii');
}

function withoutSignatures<Doc extends object>(doc: Doc): Omit<Doc, 'signatures'> {
  const { signatures: _, ...body } = doc as Doc & { signatures?: unknown };
  return body;
}

const headerMembers = new Set(['alg', 'typ', 'kid', 'purpose', 'aud']);

function readHeader(entry: DocumentSignature): SignatureHeader {
  const text = typeof entry?.protected === 'string' && entry.protected.length <= maxHeaderLength ? entry.protected : '';
  const bytes = fromBase64Url(text);
  let header: unknown;
  try {
    header = bytes ? JSON.parse(Buffer.from(bytes).toString('utf8')) : undefined;
  } catch (cause) {
    throw refuse('a signature has no readable header', cause);
  }
  if (!isHeader(header)) throw refuse('a signature has a header of another form');
  return header;
}

/** Exactly our members: a `crit`, a `jwk` or a `b64` that we do not act on must not look as if we did. */
function isHeader(header: unknown): header is SignatureHeader {
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return false;
  const { alg, typ, kid, purpose, aud } = header as Record<string, unknown>;
  return (
    Object.keys(header).every((name) => headerMembers.has(name)) &&
    alg === 'EdDSA' &&
    typeof typ === 'string' &&
    typeof kid === 'string' &&
    keyPurpose.safeParse(purpose).success &&
    (aud === undefined || typeof aud === 'string')
  );
}

function refuse(reason: string, cause?: unknown): WatershedError {
  return new WatershedError('signature_invalid', `The document's signature is refused: ${reason}.`, { cause });
}
