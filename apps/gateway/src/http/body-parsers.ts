import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { WatershedError } from '#errors';
import type { GatewayConfig } from '../config.js';
import { nestsDeeperThan } from './json-depth.js';
import type { BodyKind, FastifyRequest } from './request.js';

const maxJsonDepth = 64;
const jsonType = /^application\/(?:[\w.-]+\+)?json$/i;

/**
 * One parser for all media types: what a route declares decides, not what the client claims. JSON is measured for depth
 * before it is parsed; tensors are kept as bytes; blobs and pod resources stay streams.
 */
export function installBodyParsers(instance: FastifyInstance, limits: GatewayConfig['limits']): void {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    const kind: BodyKind = request.routeOptions.config.body ?? 'json';
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      throw new WatershedError('unsupported_media_type', 'Send the body without Content-Encoding.');
    }
    if (kind === 'stream') return payload;
    const bytes = await collect(
      payload,
      kind === 'bytes' ? limits.tensorBytes : limits.jsonBytes,
      limits.bodyTimeoutMs,
    );
    request.rawBody = bytes;
    return kind === 'bytes' ? bytes : parseJson(bytes, request.headers['content-type']);
  });
}

export function parseJson(bytes: Buffer, contentType: string | undefined): unknown {
  const [type = ''] = (contentType ?? '').split(';');
  if (!jsonType.test(type.trim())) {
    throw new WatershedError('unsupported_media_type', 'Send the body as application/json.');
  }
  if (bytes.byteLength === 0) return undefined;
  if (nestsDeeperThan(bytes, maxJsonDepth)) {
    throw new WatershedError('input_too_deep', `The body nests deeper than ${maxJsonDepth} levels.`);
  }
  // Decoding would put U+FFFD where a byte is wrong: another text than the one that was sent.
  if (!isUtf8(bytes)) throw new WatershedError('malformed_body', 'The body is not UTF-8.');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new WatershedError('malformed_body', 'The body is not JSON.', { cause });
  }
}

/** How long the rest of a body that is too large is read and thrown away before the refusal. */
const lingerMs = 2_000;

/**
 * All bytes of a body. Throws `body_too_large` for one that is longer, `deadline_exceeded` when it comes too slowly. Who is
 * still sending reads no answer, and loses it when the connection is closed on what they send: so the rest of a body that is
 * too large is let in first, for a moment, and kept nowhere.
 */
export function collect(payload: IncomingMessage, limitBytes: number, timeoutMs: number): Promise<Buffer> {
  const tooLarge = () =>
    new WatershedError('body_too_large', `This route takes at most ${limitBytes} bytes.`, {
      details: { maxBytes: limitBytes },
    });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let refusal: WatershedError | undefined;
    let timer: NodeJS.Timeout;
    const finish = (error?: Error) => {
      clearTimeout(timer);
      payload.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      if (error) reject(error);
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size));
    };
    const refuse = () => {
      if (refusal) return;
      refusal = tooLarge();
      chunks.length = 0;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          payload.pause();
          finish(refusal);
        },
        Math.min(lingerMs, timeoutMs),
      );
    };
    const onData = (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > limitBytes) refuse();
      else if (!refusal) chunks.push(chunk);
    };
    const onEnd = () => finish(refusal);
    const onError = (cause: Error) => finish(new WatershedError('malformed_body', 'The body broke off.', { cause }));
    const onClose = () => finish(new WatershedError('malformed_body', 'The body broke off.'));
    timer = setTimeout(
      () => finish(new WatershedError('deadline_exceeded', `The body did not arrive within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    if (Number(payload.headers['content-length'] ?? 0) > limitBytes) refuse();
    payload.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}
