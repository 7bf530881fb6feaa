import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import { type ParsedRequestOf, runnerLoad, runnerStatus, runnerUnload } from '#contracts';
import { refusalOf } from '../inference/inference.controller.js';
import type { ModelServer, ModelServerSupervisor } from '../server/model-server.port.js';
import { modelServerState } from '../server/model-server-state.js';
import { ModelLifecycle } from './engine/model-lifecycle.js';

export const MODEL_SERVER = Symbol('MODEL_SERVER');
export const MODEL_SERVER_SUPERVISOR = Symbol('MODEL_SERVER_SUPERVISOR');

@Controller()
export class ModelController {
  constructor(
    @Inject(ModelLifecycle) private readonly models: ModelLifecycle,
    @Inject(MODEL_SERVER) private readonly server: ModelServer,
    @Inject(MODEL_SERVER_SUPERVISOR) private readonly supervisor: ModelServerSupervisor,
  ) {}

  @BusHandler(runnerLoad)
  async load(request: ParsedRequestOf<typeof runnerLoad>) {
    const { state, failure } = await this.models.load(request);
    return { state, ...(failure ? { failure: refusalOf(failure) } : {}) };
  }

  @BusHandler(runnerUnload)
  async unload(request: ParsedRequestOf<typeof runnerUnload>) {
    return this.models.unload(request);
  }

  @BusHandler(runnerStatus)
  async status(_request: ParsedRequestOf<typeof runnerStatus>) {
    const models = [...this.models.all()].map((entry) => ({
      name: entry.model.name,
      version: entry.model.version,
      state: entry.state,
      ...(entry.failure ? { failure: refusalOf(entry.failure) } : {}),
      memoryBytes: entry.model.manifest.memoryBytes,
      inferences: entry.counts.inferences,
      errors: entry.counts.errors,
    }));
    return { modelServer: await modelServerState({ supervisor: this.supervisor, server: this.server }), models };
  }
}
