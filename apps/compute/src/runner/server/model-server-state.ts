import type { ModelServer, ModelServerSupervisor } from './model-server.port.js';

export interface ModelServerState {
  readonly kind: ModelServerSupervisor['kind'];
  readonly live: boolean;
  /** Empty where it does not answer. */
  readonly version: string;
}

/** Which model server it is, and whether it answers. One that nobody has needed yet is not started to be looked at. */
export async function modelServerState(parts: {
  readonly supervisor: Pick<ModelServerSupervisor, 'kind' | 'url'>;
  readonly server: Pick<ModelServer, 'live' | 'serverMetadata'>;
}): Promise<ModelServerState> {
  const { kind } = parts.supervisor;
  if (parts.supervisor.url() === undefined) return { kind, live: false, version: '' };
  try {
    const [live, { version }] = await Promise.all([parts.server.live(), parts.server.serverMetadata()]);
    return { kind, live, version };
  } catch {
    return { kind, live: false, version: '' }; // that it does not answer is the answer
  }
}
