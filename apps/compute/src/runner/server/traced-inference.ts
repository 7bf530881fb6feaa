import type { Tracing } from '#telemetry';
import type { ModelServer } from './model-server.port.js';

/** Each inference at the model server as a span of its own; the server itself where nothing is traced. */
export function tracedInference(
  server: Pick<ModelServer, 'infer'>,
  tracing: Tracing | undefined,
): Pick<ModelServer, 'infer'> {
  if (!tracing) return server;
  return {
    infer: (name, version, request, timeoutMs) =>
      tracing.span('model server infer', 'client', { 'watershed.model': name, 'watershed.version': version }, () =>
        server.infer(name, version, request, timeoutMs),
      ),
  };
}
