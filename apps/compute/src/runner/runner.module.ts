import { type DynamicModule, Module } from '@nestjs/common';
import { InferenceDesk } from './inference/engine/inference-desk.js';
import { InferenceController } from './inference/inference.controller.js';
import { ModelLifecycle } from './model/engine/model-lifecycle.js';
import { ModelController } from './model/model.controller.js';

export interface RunnerResources {
  readonly desk: InferenceDesk;
  readonly models: ModelLifecycle;
}

@Module({})
export class RunnerModule {}

/** The runner's Nest shell: its bus edge. What it drives is wired by `startRunner`. */
export function runnerModule({ desk, models }: RunnerResources): DynamicModule {
  return {
    module: RunnerModule,
    controllers: [InferenceController, ModelController],
    providers: [
      { provide: InferenceDesk, useValue: desk },
      { provide: ModelLifecycle, useValue: models },
    ],
  };
}
