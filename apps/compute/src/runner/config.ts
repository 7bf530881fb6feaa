import { freemem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type CommonConfig, common, commonEnvShape, type Env, parseEnv, port, refusePlain, wholeNumber } from '#config';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

const runnerEnv = z.object({
  ...commonEnvShape,
  /** Keeps the folders of several runners under one data folder apart, as it does their keys. */
  WATERSHED_NODE_NAME: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .default('runner'),
  RUNNER_HOST: z.string().default('127.0.0.1'),
  /** Where gateways bring content. */
  RUNNER_PORT: port().default(0),
  /** What others reach it by, where that is not `http://host:port`. */
  RUNNER_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** A Triton to drive instead of the embedded model server. It belongs to this runner alone. */
  TRITON_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Its metrics; port 8002 of the same host when absent. */
  TRITON_METRICS_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** The folder that this Triton reads its models from. Absent: models travel in load requests, so only small ones. */
  TRITON_MODEL_DIR: z.string().optional(),
  /** Where `npm run triton -- setup` put a Triton: this runner then starts one of its own instead of the embedded server. */
  TRITON_INSTALLATION: z.string().optional(),
  /** Peak memory of all loaded models together; half of what is free to it at the start when absent. */
  RUNNER_MODEL_MEMORY_BYTES: wholeNumber(1, 2 ** 50).optional(),
  /** Model files kept on the disk. */
  RUNNER_CACHE_BYTES: wholeNumber(1, 2 ** 50).default(20 * gibibyte),
  /** Tickets and inferences at once. */
  RUNNER_CAPACITY: wholeNumber(1, 1_000_000).default(1_024),
  /** What they may send together. */
  RUNNER_CAPACITY_BYTES: wholeNumber(1, 2 ** 50).default(256 * mebibyte),
  RUNNER_MAX_BODY_BYTES: wholeNumber(1, 2 ** 31 - 1).default(32 * mebibyte),
  RUNNER_MAX_ANSWER_BYTES: wholeNumber(1, 2 ** 31 - 1).default(256 * mebibyte),
  /** Largest model that travels in a load request. */
  RUNNER_INLINE_MODEL_BYTES: wholeNumber(1, 2 ** 31 - 1).default(64 * mebibyte),
  RUNNER_INFER_TIMEOUT_MS: wholeNumber(1, 3_600_000).default(30_000),
  RUNNER_BODY_TIMEOUT_MS: wholeNumber(100, 3_600_000).default(30_000),
  RUNNER_LOAD_TIMEOUT_MS: wholeNumber(100, 3_600_000).default(180_000),
  /** For the model server's other calls. */
  RUNNER_CONTROL_TIMEOUT_MS: wholeNumber(100, 60_000).default(5_000),
  /** Inferences at once at the model server, a model. */
  RUNNER_CONNECTIONS: wholeNumber(1, 1_024).default(32),
  /** Between two looks at the model server while all is well. */
  RUNNER_WATCH_INTERVAL_MS: wholeNumber(100, 600_000).default(2_000),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
});

export interface RunnerConfig extends CommonConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  readonly triton?: { readonly url: string; readonly metricsUrl: string; readonly modelDir?: string };
  readonly tritonInstallation?: string;
  readonly modelMemoryBytes: number;
  readonly cacheBytes: number;
  readonly capacity: number;
  readonly capacityBytes: number;
  readonly maxBodyBytes: number;
  readonly maxAnswerBytes: number;
  readonly inlineModelBytes: number;
  readonly inferTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly loadTimeoutMs: number;
  readonly controlTimeoutMs: number;
  readonly connections: number;
  readonly watchIntervalMs: number;
  readonly blobFolder: string;
  /** What a model server of our own reads. */
  readonly modelFolder: string;
  /** Where the embedded model server sends its spans; absent: nothing is traced. */
  readonly collector?: string;
  /** Process id, log and temporary files of a Triton of our own. */
  readonly tritonFolder: string;
}

/** The settings of a runner. Throws ConfigError. */
export function runnerConfig(env: Env): RunnerConfig {
  const parsed = parseEnv(runnerEnv, env, 'runner');
  const shared = common(env);
  // What people ask goes there.
  refusePlain('runner', 'TRITON_URL', parsed.TRITON_URL, shared.network);
  refusePlain('runner', 'TRITON_METRICS_URL', parsed.TRITON_METRICS_URL, shared.network);
  refusePlain('runner', 'OTEL_EXPORTER_OTLP_ENDPOINT', parsed.OTEL_EXPORTER_OTLP_ENDPOINT, shared.network);
  const triton = parsed.TRITON_URL
    ? {
        url: new URL(parsed.TRITON_URL).origin,
        metricsUrl: parsed.TRITON_METRICS_URL ?? metricsOf(parsed.TRITON_URL),
        ...(parsed.TRITON_MODEL_DIR ? { modelDir: parsed.TRITON_MODEL_DIR } : {}),
      }
    : undefined;
  return {
    ...shared,
    host: parsed.RUNNER_HOST,
    port: parsed.RUNNER_PORT,
    ...(parsed.RUNNER_PUBLIC_URL ? { publicUrl: new URL(parsed.RUNNER_PUBLIC_URL).origin } : {}),
    ...(triton ? { triton } : {}),
    ...(parsed.TRITON_INSTALLATION ? { tritonInstallation: parsed.TRITON_INSTALLATION } : {}),
    modelMemoryBytes: parsed.RUNNER_MODEL_MEMORY_BYTES ?? Math.floor(memoryAtHandBytes() / 2),
    cacheBytes: parsed.RUNNER_CACHE_BYTES,
    capacity: parsed.RUNNER_CAPACITY,
    capacityBytes: parsed.RUNNER_CAPACITY_BYTES,
    maxBodyBytes: parsed.RUNNER_MAX_BODY_BYTES,
    maxAnswerBytes: parsed.RUNNER_MAX_ANSWER_BYTES,
    inlineModelBytes: parsed.RUNNER_INLINE_MODEL_BYTES,
    inferTimeoutMs: parsed.RUNNER_INFER_TIMEOUT_MS,
    bodyTimeoutMs: parsed.RUNNER_BODY_TIMEOUT_MS,
    loadTimeoutMs: parsed.RUNNER_LOAD_TIMEOUT_MS,
    controlTimeoutMs: parsed.RUNNER_CONTROL_TIMEOUT_MS,
    connections: parsed.RUNNER_CONNECTIONS,
    watchIntervalMs: parsed.RUNNER_WATCH_INTERVAL_MS,
    blobFolder: join(shared.dataDir, parsed.WATERSHED_NODE_NAME, 'blobs'),
    ...(parsed.OTEL_EXPORTER_OTLP_ENDPOINT ? { collector: parsed.OTEL_EXPORTER_OTLP_ENDPOINT } : {}),
    modelFolder: join(shared.dataDir, parsed.WATERSHED_NODE_NAME, 'models'),
    tritonFolder: join(shared.dataDir, parsed.WATERSHED_NODE_NAME, 'triton'),
  };
}

/** What is free on the machine, and no more than a container leaves: past its limit the runner would be killed. */
export function memoryAtHandBytes(machineBytes = freemem(), containerBytes = process.availableMemory()): number {
  return Math.min(machineBytes, containerBytes);
}

function metricsOf(tritonUrl: string): string {
  const url = new URL('/metrics', tritonUrl);
  url.port = '8002';
  return url.href;
}
