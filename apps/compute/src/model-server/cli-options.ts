import { parseArgs } from 'node:util';
import type { ModelServerOptions } from './model-server.js';

export const usage = `A small server of the Open Inference Protocol v2 for ONNX models, with Triton's HTTP interface.

  npm run -s model-server -- --model-repository DIR [options]

  --model-repository DIR     folder of models in Triton's layout (required)
  --http-port N              port of the interface, default 8000; 0: any free one
  --http-host ADDRESS        default 127.0.0.1
  --metrics-port N           port of /metrics, default 8002; 0: any free one
  --threads N                ONNX Runtime's threads a model, default 1
  --load MODEL               load it at the start; may be repeated
  --model-control-mode MODE  explicit (default): models are loaded over HTTP; none: all of the repository, at the start
  --max-body-bytes N         largest request, default 134217728
  --request-timeout-ms N     longest time a request may take to arrive, default 60000
  --load-timeout-ms N        longest time a model may take to load, default 120000
  --unload-timeout-ms N      longest time that requests in flight hold up an unload, default 60000
  --help                     this text`;

/** A wrong command line; the message says which argument. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const options = {
  'model-repository': { type: 'string' },
  'http-port': { type: 'string', default: '8000' },
  'http-host': { type: 'string', default: '127.0.0.1' },
  'metrics-port': { type: 'string', default: '8002' },
  threads: { type: 'string', default: '1' },
  load: { type: 'string', multiple: true },
  'model-control-mode': { type: 'string', default: 'explicit' },
  'max-body-bytes': { type: 'string', default: '134217728' },
  'request-timeout-ms': { type: 'string', default: '60000' },
  'load-timeout-ms': { type: 'string', default: '120000' },
  'unload-timeout-ms': { type: 'string', default: '60000' },
  help: { type: 'boolean', default: false },
} as const;

/** The options of a command line, or `help`. Throws `UsageError`. */
export function readCommandLine(args: readonly string[]): ModelServerOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const number = (
    name:
      | 'http-port'
      | 'metrics-port'
      | 'threads'
      | 'max-body-bytes'
      | 'request-timeout-ms'
      | 'load-timeout-ms'
      | 'unload-timeout-ms',
    low: number,
    high: number,
  ) => {
    const value = Number(values[name]);
    if (!/^\d+$/.test(values[name]) || value < low || value > high) {
      throw new UsageError(`--${name} must be a whole number from ${low} to ${high}, not '${values[name]}'`);
    }
    return value;
  };
  const repository = values['model-repository'];
  if (repository === undefined) throw new UsageError('--model-repository is missing; see --help');
  const modelControl = values['model-control-mode'];
  if (modelControl !== 'explicit' && modelControl !== 'none') {
    throw new UsageError(`--model-control-mode must be explicit or none, not '${modelControl}'`);
  }
  return {
    repository,
    host: values['http-host'],
    port: number('http-port', 0, 65_535),
    metricsPort: number('metrics-port', 0, 65_535),
    threads: number('threads', 1, 1024),
    load: values.load ?? [],
    modelControl,
    maxBodyBytes: number('max-body-bytes', 1024, 2 ** 31 - 1),
    requestTimeoutMs: number('request-timeout-ms', 100, 3_600_000),
    loadTimeoutMs: number('load-timeout-ms', 100, 3_600_000),
    unloadTimeoutMs: number('unload-timeout-ms', 1, 3_600_000),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
}
