import { type DynamicModule, Module } from '@nestjs/common';
import { InferenceDesk } from './inference/engine/inference-desk.js';
import { InferenceController } from './inference/inference.controller.js';
import { ModelLifecycle } from './model/engine/model-lifecycle.js';
import { MODEL_SERVER, MODEL_SERVER_SUPERVISOR, ModelController } from './model/model.controller.js';
import type { ModelServer, ModelServerSupervisor } from './server/model-server.port.js';

export interface RunnerResources {
  readonly desk: InferenceDesk;
  readonly models: ModelLifecycle;
  readonly server: ModelServer;
  readonly supervisor: ModelServerSupervisor;
}

@Module({})
export class RunnerModule {}

/** The runner's Nest shell: its bus edge. What it drives is wired by `startRunner`. */
export function runnerModule({ desk, models, server, supervisor }: RunnerResources): DynamicModule {
  return {
    module: RunnerModule,
    controllers: [InferenceController, ModelController],
    providers: [
      { provide: InferenceDesk, useValue: desk },
      { provide: ModelLifecycle, useValue: models },
      { provide: MODEL_SERVER, useValue: server },
      { provide: MODEL_SERVER_SUPERVISOR, useValue: supervisor },
    ],
  };
}
