import { createHash } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import { isWatershedError, WatershedError } from '#errors';
import { type Database, isUniqueViolation, type PrismaTransaction } from '#persistence';
import { problemCatalogue } from '../http/problem-catalogue.js';
import type { FastifyReply, FastifyRequest } from '../http/request.js';
import type { ContentBlind } from './content-blind.js';
import type { ContentSeal } from './content-seal.js';

/** What a route answers. `replay` is the body of a repetition where the first one held a secret. */
export interface Answer {
  readonly status: number;
  readonly body: object | Uint8Array;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly replay?: object;
}

/** One use of an Idempotency-Key. */
export interface OnceRequest {
  readonly principal: string;
  readonly key: string;
  /** SHA-256 of what it covers; only a blinded form of it is kept. */
  readonly requestHash: Uint8Array<ArrayBuffer>;
}

export interface OnceOptions {
  readonly database: Database;
  readonly seal: ContentSeal;
  readonly blind: ContentBlind;
  readonly keepHours: number;
  /** Longer than any effect may take: from then on a repetition takes over from a process that died. */
  readonly leaseMs: number;
}

type Row = NonNullable<Awaited<ReturnType<Database['prisma']['gatewayOnce']['findUnique']>>>;
type Begun = { readonly replay: Answer } | { readonly effectId: string };

const keyShape = /^[\x21-\x7e]{1,255}$/;

/** The request's Idempotency-Key with what it covers; undefined without one. Throws `invalid_request` for a bad one. */
export function onceRequestOf(request: FastifyRequest): OnceRequest | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !keyShape.test(header)) {
    throw new WatershedError('invalid_request', 'An Idempotency-Key is 1 to 255 visible ASCII characters.');
  }
  const hash = createHash('sha256').update(
    `${request.method} ${request.url}\n${request.headers['content-type'] ?? ''}\n`,
  );
  const requestHash = new Uint8Array(hash.update(request.rawBody ?? '').digest());
  const { principal } = request;
  return { principal: principal ? `person:${principal.personId}` : `address:${request.ip}`, key: header, requestHash };
}

/**
 * Effects that happen once however often they are asked for. The key is scoped to who sent it: nobody else can hit or
 * read it. What happened is kept in the effect's own transaction; where the effect lies in another service, the id under
 * which that service knows it is kept before, so that a repetition after a crash is the same effect there.
 */
export class Once {
  constructor(private readonly options: OnceOptions) {}

  /** An effect in the gateway's own database: effect and outcome commit together. */
  async local(
    asked: OnceRequest | undefined,
    effect: (tx: PrismaTransaction, effectId: string) => Promise<Answer>,
  ): Promise<Answer & { replayed?: boolean }> {
    const { database } = this.options;
    if (!asked) return database.transaction((tx) => effect(tx, uuidv7()));
    const request = this.blinded(asked);
    return database.transaction(async (tx) => {
      const begun = await this.begin(tx, request);
      if ('replay' in begun) return { ...begun.replay, replayed: true };
      const answer = await effect(tx, begun.effectId);
      await this.finish(tx, request, begun.effectId, answer);
      return answer;
    });
  }

  /** An effect in another service that is idempotent by `effectId`. `sealFor`: the outcome is this person's content. */
  async remote(
    asked: OnceRequest | undefined,
    effect: (effectId: string) => Promise<Answer>,
    sealFor?: string,
  ): Promise<Answer & { replayed?: boolean }> {
    if (!asked) return effect(uuidv7());
    const { database } = this.options;
    const request = this.blinded(asked);
    const begun = await database.transaction((tx) => this.begin(tx, request));
    if ('replay' in begun) return { ...begun.replay, replayed: true };
    try {
      const answer = await effect(begun.effectId);
      const sealed = sealFor ? await this.sealed(request, sealFor, answer) : answer;
      await database.transaction((tx) => this.finish(tx, request, begun.effectId, sealed, sealFor !== undefined));
      return answer;
    } catch (error) {
      await this.abandon(request, begun.effectId, error);
      throw error;
    }
  }

  /** Forgets outcomes that were kept long enough. */
  async purge(): Promise<void> {
    await this.options.database.prisma.gatewayOnce.deleteMany({ where: { expiresAt: { lt: new Date() } } });
  }

  /** As it is kept: what was sent, and from which address, could be guessed from a plain hash. */
  private blinded({ principal, key, requestHash }: OnceRequest): OnceRequest {
    const { blind } = this.options;
    const address = /^address:(.*)$/s.exec(principal)?.[1];
    const kept =
      address === undefined
        ? principal
        : `address:${Buffer.from(blind.blind('address', address)).toString('base64url')}`;
    return { principal: kept, key, requestHash: blind.blind(`request of ${kept}`, requestHash) };
  }

  private async begin(tx: PrismaTransaction, request: OnceRequest): Promise<Begun> {
    const { principal, key, requestHash } = request;
    const name = JSON.stringify([principal, key]);
    const [lock] = await tx.$queryRaw<{ locked: boolean }[]>`
      SELECT pg_try_advisory_xact_lock(hashtextextended(${name}, 7)) AS locked`;
    if (!lock?.locked) throw inProgress();
    const row = await tx.gatewayOnce.findUnique({ where: { principal_key: { principal, key } } });
    const now = Date.now();
    if (row && row.expiresAt.getTime() > now) {
      if (Buffer.compare(row.requestHash, requestHash) !== 0) {
        throw new WatershedError(
          'idempotency_key_reused',
          'This Idempotency-Key was sent with another request. Choose a new one.',
        );
      }
      if (row.state === 'done') return { replay: await this.opened(request, row) };
      if (row.leaseUntil.getTime() > now) throw inProgress();
      await tx.gatewayOnce.update({ where: { principal_key: { principal, key } }, data: { leaseUntil: this.lease() } });
      return { effectId: row.effectId };
    }
    if (row) await tx.gatewayOnce.delete({ where: { principal_key: { principal, key } } });
    const effectId = uuidv7();
    const expiresAt = new Date(now + this.options.keepHours * 3_600_000);
    await tx.gatewayOnce
      .create({
        data: { principal, key, requestHash, effectId, state: 'running', leaseUntil: this.lease(), expiresAt },
      })
      .catch((error: unknown) => {
        throw isUniqueViolation(error) ? inProgress() : error;
      });
    return { effectId };
  }

  private async finish(tx: PrismaTransaction, request: OnceRequest, effectId: string, answer: Answer, sealed = false) {
    const { principal, key } = request;
    const kept = answer.replay ?? answer.body;
    await tx.gatewayOnce.updateMany({
      where: { principal, key, effectId, state: 'running' },
      data: {
        state: 'done',
        status: answer.status,
        headers: { ...answer.headers, 'content-type': answer.contentType ?? 'application/json; charset=utf-8' },
        body: kept instanceof Uint8Array ? new Uint8Array(kept) : new Uint8Array(Buffer.from(JSON.stringify(kept))),
        sealed,
      },
    });
  }

  /** A refusal happened to nobody: the key is free again. After an unknown outcome the same effect may be tried anew. */
  private async abandon(request: OnceRequest, effectId: string, error: unknown): Promise<void> {
    const { principal, key } = request;
    const { gatewayOnce } = this.options.database.prisma;
    const where = { principal, key, effectId, state: 'running' };
    const refused = isWatershedError(error) && problemCatalogue[error.code].status < 500;
    // Where even this fails the lease runs out by itself.
    await (refused
      ? gatewayOnce.deleteMany({ where })
      : gatewayOnce.updateMany({ where, data: { leaseUntil: new Date(0) } })
    ).catch(() => undefined);
  }

  private async sealed(request: OnceRequest, personId: string, answer: Answer): Promise<Answer> {
    const plain = answer.body instanceof Uint8Array ? answer.body : Buffer.from(JSON.stringify(answer.body));
    return { ...answer, body: await this.options.seal.seal(personId, plain, request.key) };
  }

  private async opened(request: OnceRequest, row: Row): Promise<Answer> {
    const { 'content-type': contentType, ...headers } = (row.headers ?? {}) as Record<string, string>;
    const stored = row.body ?? new Uint8Array();
    const personId = request.principal.replace(/^person:/, '');
    const body = row.sealed ? await this.options.seal.open(personId, stored, request.key) : stored;
    return { status: row.status ?? 200, body, headers, contentType };
  }

  private lease(): Date {
    return new Date(Date.now() + this.options.leaseMs);
  }
}

/** Sends an answer that may be a replay. */
export function sendAnswer(reply: FastifyReply, answer: Answer & { replayed?: boolean }): void {
  for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value);
  if (answer.replayed) reply.header('idempotency-replayed', 'true');
  const body = answer.body instanceof Uint8Array ? answer.body : JSON.stringify(answer.body);
  reply
    .status(answer.status)
    .type(answer.contentType ?? 'application/json; charset=utf-8')
    .send(answer.status === 204 ? undefined : body);
}

const inProgress = () =>
  new WatershedError(
    'idempotency_in_progress',
    'The first request with this Idempotency-Key is still under way. Try again shortly.',
    {
      retryAfterMs: 1_000,
    },
  );
