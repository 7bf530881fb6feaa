/**
 * Exchanges with models written in Python, which only a real Triton runs. They are reported as such for any other server,
 * never as passed.
 */
export const realServerOnly: readonly string[] = [
  'ready while it loads',
  'infer while it loads',
  'metadata while it loads',
  'a model that refuses',
  'infer on a streaming (decoupled) model',
  'generate',
  'generate, several answers',
  'generate_stream',
  'generate, id and parameters',
  'generate, unknown field',
  'config of the streaming model',
  'metadata of the streaming model',
  'unload with a request in flight',
  'infer right after',
  'ready right after',
  'a request in flight when its model is unloaded',
];

/** The models of those exchanges; in listings of the repository they are left out of the comparison. */
export const pythonModels: readonly string[] = ['slow', 'gen'];

export interface Deviation {
  readonly name: string;
  /** The status that is required instead of the recorded one; the body is an `error`. */
  readonly status: number;
  readonly why: string;
}

/** What Triton was recorded doing and the embedded server must not do, with the answer that is required instead. */
export const deviations: readonly Deviation[] = [
  { name: 'infer, element out of range', status: 400, why: 'Triton wraps an integer that does not fit, in silence' },
  {
    name: 'text binary that is not UTF-8',
    status: 400,
    why: "a limit of our own: ONNX Runtime's binding for Node has text only and would change the bytes",
  },
  { name: 'JSON of FP32 beyond its range', status: 400, why: 'Triton takes it for infinity' },
  { name: 'JSON of FP32 as text', status: 400, why: 'Triton takes NaN, which is no JSON' },
];

/** Where a real Triton with the ONNX Runtime backend that we bring differs from the recorded one. */
export const backendDeviations: readonly Deviation[] = [
  {
    name: 'text binary that is not UTF-8',
    status: 400,
    why: "ONNX Runtime's binding for Python has text only; the recorded backend wrote the bytes as Python does",
  },
];

/** Metrics of Triton that a server without a GPU has no use for. */
export const absentMetrics: readonly string[] = [
  'nv_pinned_memory_pool_total_bytes',
  'nv_pinned_memory_pool_used_bytes',
];
