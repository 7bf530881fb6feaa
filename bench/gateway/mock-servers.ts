// The only mocks of the bench, in a process of their own: a model server that answers at once what Triton would answer
// after it had thought, and an OpenAI-compatible upstream for the peer. Prints its two ports.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ModelManifest } from '#contracts';

const [root = '.', answerBytesText = '900'] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(root, 'models/language-id/manifest.json'), 'utf8')) as ModelManifest;
const name = manifest.name.replace('/', '--');
const languages = 'en de fr es pt it nl da sv nb fi pl tr ru uk el ar ja zh'.split(' ');

const labels = Buffer.concat(
  languages.map((label) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(label.length);
    return Buffer.concat([length, Buffer.from(label)]);
  }),
);
const probabilities = Buffer.alloc(languages.length * 4);
for (const index of languages.keys()) probabilities.writeFloatLE(index === 0 ? 0.9 : 0.1 / 18, index * 4);
const shape = [languages.length];
const head = Buffer.from(
  JSON.stringify({
    model_name: name,
    model_version: '1',
    outputs: [
      { name: 'labels', datatype: 'BYTES', shape, parameters: { binary_data_size: labels.byteLength } },
      { name: 'probabilities', datatype: 'FP32', shape, parameters: { binary_data_size: probabilities.byteLength } },
    ],
  }),
);
const inferBody = Buffer.concat([head, labels, probabilities]);
const inferHeaders = {
  'content-type': 'application/octet-stream',
  'inference-header-content-length': String(head.byteLength),
  'content-length': String(inferBody.byteLength),
};

function read(request: IncomingMessage, then: (bytes: number) => void): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
  });
  request.on('end', () => then(bytes));
}

function json(response: ServerResponse, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.byteLength }).end(body);
}

let loaded = false;
function model(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '';
  read(request, () => {
    if (path.endsWith('/infer')) response.writeHead(200, inferHeaders).end(inferBody);
    else if (path.endsWith('/load') || path.endsWith('/unload')) {
      loaded = path.endsWith('/load');
      response.writeHead(200).end();
    } else if (path === '/v2/repository/index') json(response, loaded ? [{ name, version: '1', state: 'READY' }] : []);
    else if (path === '/v2') json(response, { name: 'mock', version: '1', extensions: ['binary_tensor_data'] });
    else if (path.endsWith('/stats')) {
      const none = { count: 0, ns: 0 };
      const one = { name, version: '1', inference_count: 0, inference_stats: { success: none, fail: none } };
      json(response, { model_stats: [one] });
    } else if (path.endsWith('/config')) json(response, { name });
    else if (/\/(ready|live)$/.test(path)) response.writeHead(loaded || !path.includes('/models/') ? 200 : 400).end();
    else if (path.startsWith('/v2/models/')) {
      json(response, { name, versions: ['1'], platform: 'mock', inputs: manifest.inputs, outputs: manifest.outputs });
    } else response.writeHead(404).end();
  });
}

/** As many bytes as the gateway's own answer has. */
const completion = (() => {
  const of = (content: string) =>
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'mock',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    });
  return Buffer.from(of('x'.repeat(Math.max(0, Number(answerBytesText) - of('').length))));
})();

function chat(request: IncomingMessage, response: ServerResponse): void {
  read(request, () => {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': completion.byteLength })
      .end(completion);
  });
}

async function listen(server: Server): Promise<number> {
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const modelPort = await listen(createServer(model));
const chatPort = await listen(createServer(chat));
process.stdout.write(`${JSON.stringify({ modelPort, chatPort })}\n`);
process.stdin.resume().on('end', () => process.exit(0));
