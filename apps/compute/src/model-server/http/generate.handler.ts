import { encodeGenerateResponse, readGenerateRequest } from '#inference-protocol';
import type { ModelVersion } from '../repository/model-version.js';
import { StatusError } from '../status-error.js';
import type { Exchange } from './exchange.js';
import { checkRequest } from './infer.handler.js';

/**
 * `POST …/generate` and `…/generate_stream`. ONNX models answer once, so a stream is one event; what fails before the first
 * event is an ordinary error.
 */
export async function generate(exchange: Exchange, model: () => ModelVersion, streaming: boolean): Promise<void> {
  model();
  const encoding = exchange.header('content-encoding') ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    throw new StatusError(400, "Unsupported content-encoding, only 'identity' is supported.");
  }
  const body = await exchange.body();
  const version = model();
  const request = readGenerateRequest(body, version.config);
  const batch = checkRequest(request, version);
  const { outputs } = await version.infer(request, batch, exchange.signal);
  const head = { id: request.id, modelName: version.name, modelVersion: String(version.version) };
  const text = encodeGenerateResponse(head, outputs);
  const type = streaming ? 'text/event-stream; charset=utf-8' : 'application/json';
  exchange.response.writeHead(200, { 'content-type': type });
  exchange.response.end(streaming ? `data: ${text}\n\n` : text);
}
