import { metricsPort } from './containers.js';

/** Whether the service of this container can do its work now. */
export async function isHealthy(): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/health/ready`, {
    signal: AbortSignal.timeout(3_000),
  }).catch(() => undefined);
  return answer?.ok ?? false;
}
