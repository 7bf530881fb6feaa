// For tests: a server in this process over the fixtures, its models' processes from the build.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ModelServerOptions, type RunningModelServer, startModelServer } from '../model-server.js';
import { fixtures } from './recordings.js';
import { exchangeWith } from './run-contract.js';

let built = false;

/** Builds what changed, once a test process: a model's process runs the build, not the sources. */
export function buildOnce(): void {
  if (built) return;
  execFileSync(process.execPath, [fileURLToPath(new URL('../../../../../scripts/build.mjs', import.meta.url))], {
    stdio: 'ignore',
  });
  built = true;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface TestServer extends RunningModelServer {
  send(method: string, path: string, body?: string | Uint8Array, headers?: Record<string, string>): Promise<Reply>;
  /** Loads models and expects success. */
  loaded(...names: string[]): Promise<void>;
  infer(model: string, inputs: readonly object[], more?: object): Promise<Reply>;
}

export async function startTestServer(options: Partial<ModelServerOptions> = {}): Promise<TestServer> {
  buildOnce();
  const server = await startModelServer({ repository: fixtures().models, onFault: console.error, ...options });
  const send: TestServer['send'] = async (method, path, body = '', headers = {}) => {
    const answer = await exchangeWith(`${server.url}${path}`, { method, headers }, Buffer.from(body));
    return { ...answer, text: answer.body.toString('utf8') };
  };
  const loaded: TestServer['loaded'] = async (...names) => {
    for (const name of names) {
      const { status, text } = await send('POST', `/v2/repository/models/${name}/load`);
      if (status !== 200) throw new Error(`loading ${name}: ${status} ${text}`);
    }
  };
  const infer: TestServer['infer'] = (model, inputs, more = {}) =>
    send('POST', `/v2/models/${model}/infer`, JSON.stringify({ inputs, ...more }));
  return { ...server, send, loaded, infer };
}
