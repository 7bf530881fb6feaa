import { cpus, freemem, totalmem } from 'node:os';
import type { ModelRegistry } from '../repository/model-registry.js';
import type { ModelVersion } from '../repository/model-version.js';
import type { VersionStatistics } from '../repository/statistics.js';

const microseconds = (ns: number): number => Math.round(ns / 1000);

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: (own: ModelVersion, statistics: VersionStatistics) => number;
}

const family = (name: string, help: string, value: Family['value'], type: Family['type'] = 'counter'): Family => ({
  name,
  help,
  type,
  value,
});

/** Triton's families, so that dashboards made for it work. */
const families: readonly Family[] = [
  family(
    'nv_inference_request_success',
    'Number of successful inference requests, all batch sizes',
    (_, s) => s.success.count,
  ),
  family(
    'nv_inference_count',
    'Number of inferences performed (does not include cached requests)',
    (_, s) => s.inferenceCount,
  ),
  family(
    'nv_inference_exec_count',
    'Number of model executions performed (does not include cached requests)',
    (_, s) => s.success.count,
  ),
  family(
    'nv_inference_request_duration_us',
    'Cumulative inference request duration in microseconds (includes cached requests)',
    (_, s) => microseconds(s.success.ns),
  ),
  family(
    'nv_inference_queue_duration_us',
    'Cumulative inference queuing duration in microseconds (includes cached requests)',
    (_, s) => microseconds(s.queue.ns),
  ),
  family(
    'nv_inference_compute_input_duration_us',
    'Cumulative compute input duration in microseconds (does not include cached requests)',
    (_, s) => microseconds(s.input.ns),
  ),
  family(
    'nv_inference_compute_infer_duration_us',
    'Cumulative compute inference duration in microseconds (does not include cached requests)',
    (_, s) => microseconds(s.infer.ns),
  ),
  family(
    'nv_inference_compute_output_duration_us',
    'Cumulative inference compute output duration in microseconds (does not include cached requests)',
    (_, s) => microseconds(s.output.ns),
  ),
  family(
    'nv_inference_pending_request_count',
    'Instantaneous number of pending requests awaiting execution per-model.',
    (own) => own.pending,
    'gauge',
  ),
  family(
    'watershed_model_memory_bytes',
    "Memory of the model's process when the model was open",
    (own) => own.memoryBytes,
    'gauge',
  ),
];

const escapeLabel = (value: string): string => value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
const head = (name: string, help: string, type: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

/** The share of the machine's processor time that was not idle since it was last asked for. */
export class CpuUtilization {
  private busy = 0;
  private total = 0;

  read(): number {
    let busy = 0;
    let total = 0;
    for (const { times } of cpus()) {
      const all = times.user + times.nice + times.sys + times.irq + times.idle;
      total += all;
      busy += all - times.idle;
    }
    const share = total > this.total ? (busy - this.busy) / (total - this.total) : 0;
    this.busy = busy;
    this.total = total;
    return share;
  }
}

/** The Prometheus text of `GET /metrics`. */
export function metricsText(registry: ModelRegistry, cpu: CpuUtilization): string {
  const versions = registry.all();
  const labels = (own: ModelVersion, more = '') => `{model="${escapeLabel(own.name)}",${more}version="${own.version}"}`;
  let text = '';
  for (const { name, help, type, value } of families) {
    text += head(name, help, type);
    for (const own of versions) text += `${name}${labels(own)} ${value(own, own.statistics)}\n`;
  }
  const failure = 'nv_inference_request_failure';
  text += head(failure, 'Number of failed inference requests, all batch sizes', 'counter');
  for (const own of versions) {
    for (const [reason, count] of Object.entries(own.statistics.failures)) {
      text += `${failure}${labels(own, `reason="${reason}",`)} ${count}\n`;
    }
  }
  const machine: readonly (readonly [string, string, number])[] = [
    ['nv_cpu_utilization', 'CPU utilization rate [0.0 - 1.0]', cpu.read()],
    ['nv_cpu_memory_total_bytes', 'CPU total memory (RAM), in bytes', totalmem()],
    ['nv_cpu_memory_used_bytes', 'CPU used memory (RAM), in bytes', totalmem() - freemem()],
  ];
  for (const [name, help, value] of machine) text += `${head(name, help, 'gauge')}${name} ${value}\n`;
  return text;
}
