import type { Bus } from '#bus';
import { type ModelVersion, registryModel, runnerLoad, runnerUnload } from '#contracts';
import { type ErrorCode, errorCodes, type WireError } from '#errors';
import type { RegistryPort, RunnerPort } from './engine/placement.ports.js';

/** Runners over the bus: the one that is named, and no other. */
export class BusRunners implements RunnerPort {
  constructor(private readonly bus: Pick<Bus, 'call'>) {}

  async load(nodeId: string, request: { placementId: string; epoch: number; model: ModelVersion }) {
    const { state, failure } = await this.bus.call(runnerLoad, request, { to: nodeId });
    return { state, ...(failure ? { failure: wireOf(failure) } : {}) };
  }

  unload(nodeId: string, request: { placementId: string; epoch: number; name: string; version: string }) {
    return this.bus.call(runnerUnload, request, { to: nodeId });
  }
}

export class BusRegistry implements RegistryPort {
  constructor(private readonly bus: Pick<Bus, 'call'>) {}

  model(name: string, version?: string): Promise<ModelVersion> {
    return this.bus.call(registryModel, { name, ...(version === undefined ? {} : { version }) });
  }
}

/** A runner of a newer release may know codes that this one does not. */
function wireOf(failure: Omit<WireError, 'code'> & { code: string }): WireError {
  const code: ErrorCode = errorCodes.find((known) => known === failure.code) ?? 'internal';
  return { ...failure, code };
}
