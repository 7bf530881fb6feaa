import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeInferResponse, readInferRequest } from '#inference-protocol';
import type { ModelProcesses, ModelServerSupervisor } from '../server/model-server.port.js';

export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'status'; readonly status: number; readonly error: string }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Ends the connection in mid-request, as a server does that is killed. */
  | { readonly kind: 'hang-up' }
  | { readonly kind: 'body'; readonly body: string; readonly headerLength?: string };

/** A server of Triton's API that knows any model as `Y = X + 1`, and fails as a test tells it to. */
export class FakeTriton implements ModelServerSupervisor {
  readonly kind = 'triton';
  fault: Fault = { kind: 'none' };
  /** What `infer` was asked, as it arrived. */
  readonly requests: { path: string; body: Buffer; headerLength: number }[] = [];
  /** How the values are changed on their way. */
  answer = (value: number): number => value + 1;
  index: { name: string; version: string; state: string; reason?: string }[] = [];
  /** What its statistics say. */
  successes = 0;
  loads: { name: string; body: string }[] = [];
  private readonly server: Server;
  /** As of a Triton that somebody else runs, unless a test gives some. */
  processes?: ModelProcesses;
  private listeners = new Set<() => void>();
  private readonly modelListeners = new Set<() => void>();
  private port = 0;

  constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.respond(request, response, Buffer.concat(chunks)));
    });
  }

  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  metricsUrl(): string {
    return `${this.url()}/metrics`;
  }

  async ensure(): Promise<string> {
    return this.url();
  }

  onModelDied(listener: () => void): () => void {
    this.modelListeners.add(listener);
    return () => this.modelListeners.delete(listener);
  }

  modelDied(): void {
    for (const listener of this.modelListeners) listener();
  }

  onGone(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    if (this.server.listening) await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private respond(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const path = request.url ?? '';
    if (!path.endsWith('/infer')) {
      this.control(path, body, response);
      return;
    }
    const headerLength = Number(request.headers['inference-header-content-length'] ?? body.byteLength);
    this.requests.push({ path, body, headerLength });
    const { fault } = this;
    if (fault.kind === 'hang') return;
    if (fault.kind === 'hang-up') {
      request.socket.destroy();
      return;
    }
    if (fault.kind === 'status') {
      response.writeHead(fault.status).end(JSON.stringify({ error: fault.error }));
      return;
    }
    if (fault.kind === 'body') {
      if (fault.headerLength !== undefined) response.setHeader('inference-header-content-length', fault.headerLength);
      response.end(fault.body);
      return;
    }
    const [input] = readInferRequest(body, headerLength).inputs;
    if (!input) throw new Error('a request without inputs');
    const data = new Uint8Array(input.data.byteLength);
    const from = new DataView(input.data.buffer, input.data.byteOffset, input.data.byteLength);
    const to = new DataView(data.buffer);
    for (let at = 0; at < data.byteLength; at += 4) to.setFloat32(at, this.answer(from.getFloat32(at, true)), true);
    this.successes += 1;
    const tensor = { name: 'Y', datatype: input.datatype, shape: input.shape, data };
    const message = encodeInferResponse({ id: '', modelName: 'm', modelVersion: '1' }, [{ tensor, binary: true }]);
    if (message.headerLength !== undefined) response.setHeader('inference-header-content-length', message.headerLength);
    response.end(Buffer.concat(message.chunks));
  }

  private statistics() {
    const { successes } = this;
    const inference_stats = { success: { count: successes }, fail: { count: 0 } };
    return { name: 'org--sample', version: '1', inference_count: successes, inference_stats };
  }

  private control(path: string, body: Buffer, response: ServerResponse): void {
    const load = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/.exec(path);
    if (load?.[1] !== undefined) {
      const name = decodeURIComponent(load[1]);
      this.index = this.index.filter((one) => one.name !== name);
      if (load[2] === 'load') {
        this.loads.push({ name, body: body.toString('utf8') });
        this.index.push({ name, version: '1', state: 'READY' });
      }
      response.end();
    } else if (path === '/v2/repository/index') response.end(JSON.stringify(this.index));
    else if (path === '/v2') response.end(JSON.stringify({ name: 'triton', version: '2.51.0', extensions: [] }));
    else if (path === '/metrics') response.end('nv_inference_count 1\n');
    else if (path.startsWith('/v2/health/')) response.end();
    else if (path.endsWith('/stats')) response.end(JSON.stringify({ model_stats: [this.statistics()] }));
    else if (path.startsWith('/v2/models/')) response.end(JSON.stringify(metadata));
    else response.writeHead(404).end(JSON.stringify({ error: 'unknown' }));
  }
}

const metadata = {
  name: 'org--sample',
  versions: ['1'],
  platform: 'onnxruntime_onnx',
  inputs: [{ name: 'X', datatype: 'FP32', shape: [-1] }],
  outputs: [{ name: 'Y', datatype: 'FP32', shape: [-1] }],
};
