import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { openBytes, sealBytes, sealKeyBytes } from '#seal';

/** What of a resource tells something about its owner. */
export interface ResourceFacts {
  readonly path: string;
  readonly contentType: string;
  /** Of the bytes as they were sent, in hex. */
  readonly sha256: string;
}

const facts = z.tuple([z.string(), z.string(), z.string()]);

/** 32 bytes from which a pod's keys are derived. */
export const freshPodSecret = (): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(sealKeyBytes));

/**
 * The keys of one pod, derived (HKDF-SHA256, RFC 5869) from its secret, each for one purpose. Tags stand for paths and
 * hashes where something must be found again: nobody without the key can tell what they are of.
 */
export class PodKey {
  readonly #secret: Uint8Array;
  readonly #pathTags: Uint8Array;
  readonly #contentTags: Uint8Array;
  readonly #rows: Uint8Array;

  constructor(secret: Uint8Array) {
    if (secret.byteLength !== sealKeyBytes) throw new TypeError(`the secret of a pod has ${sealKeyBytes} bytes`);
    this.#secret = secret;
    this.#pathTags = this.#derived('path-tags');
    this.#contentTags = this.#derived('content-tags');
    this.#rows = this.#derived('rows');
  }

  pathTag(path: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.#pathTags).update(path).digest());
  }

  /** In hex: the name of a file. */
  contentTag(sha256: string): string {
    return createHmac('sha256', this.#contentTags).update(sha256).digest('hex');
  }

  seal(podId: string, { path, contentType, sha256 }: ResourceFacts): Uint8Array<ArrayBuffer> {
    const plain = Buffer.from(JSON.stringify([path, contentType, sha256]));
    return sealBytes(this.#rows, plain, rowContext(podId, this.pathTag(path)));
  }

  /** Throws where the row is not the one that was sealed for this pod and path. */
  open(podId: string, pathTag: Uint8Array, sealed: Uint8Array): ResourceFacts {
    const plain = openBytes(this.#rows, sealed, rowContext(podId, pathTag));
    const [path, contentType, sha256] = facts.parse(JSON.parse(plain.toString('utf8')));
    return { path, contentType, sha256 };
  }

  /** For one file, by the salt in its head: 32 bytes that encrypt and 32 that vouch for the head. */
  fileKeys(salt: Uint8Array): { readonly encrypt: Uint8Array; readonly vouch: Uint8Array } {
    const both = new Uint8Array(hkdfSync('sha256', this.#secret, salt, 'watershed/pod/file/v1', 64));
    return { encrypt: both.subarray(0, 32), vouch: both.subarray(32) };
  }

  #derived(purpose: string): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#secret, new Uint8Array(), `watershed/pod/${purpose}/v1`, 32));
  }
}

const rowContext = (podId: string, pathTag: Uint8Array): string =>
  `resource/${podId}/${Buffer.from(pathTag).toString('base64url')}`;
