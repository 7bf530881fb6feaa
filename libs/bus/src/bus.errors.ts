import { isWatershedError, WatershedError } from '#errors';

/** Refusals that say that the call was not executed: it may be made again whatever the method. */
const notExecuted = new WeakSet<WatershedError>();
/** Those that say that a node listens and does not have the call: it may have it again. */
const lost = new WeakSet<WatershedError>();

export function busUnavailable(cause?: unknown): WatershedError {
  return new WatershedError('bus_unavailable', 'The connection to Redis is lost; it is being restored. Try again.', {
    retryAfterMs: 1_000,
    cause,
  });
}

export function deadlineExceeded(method: string): WatershedError {
  return new WatershedError('deadline_exceeded', `No answer to ${method} within its deadline.`, {
    details: { method },
  });
}

/** `undelivered`: Redis had nobody to give the message to, so it was certainly not executed. */
export function nodeUnreachable(nodeId: string, undelivered: boolean): WatershedError {
  const error = new WatershedError('node_unreachable', 'The node that was called is not listening.', {
    details: { nodeId },
    retryAfterMs: 1_000,
  });
  if (undelivered) notExecuted.add(error);
  return error;
}

/** Whether an earlier process of the node executed it, nobody can say. */
export function callLost(nodeId: string): WatershedError {
  const error = new WatershedError('node_unreachable', 'The node that was called has lost the call: it started anew.', {
    details: { nodeId },
    retryAfterMs: 1_000,
  });
  lost.add(error);
  return error;
}

export function noNodeAvailable(service: string): WatershedError {
  return new WatershedError('no_node_available', `No node of the service ${service} can be called right now.`, {
    details: { service },
    retryAfterMs: 1_000,
  });
}

export const certainlyNotExecuted = (error: unknown): boolean => isWatershedError(error) && notExecuted.has(error);
export const isCallLost = (error: unknown): boolean => isWatershedError(error) && lost.has(error);
