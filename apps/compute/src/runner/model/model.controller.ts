import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import { type ParsedRequestOf, runnerLoad, runnerUnload } from '#contracts';
import { refusalOf } from '../inference/inference.controller.js';
import { ModelLifecycle } from './engine/model-lifecycle.js';

@Controller()
export class ModelController {
  constructor(@Inject(ModelLifecycle) private readonly models: ModelLifecycle) {}

  @BusHandler(runnerLoad)
  async load(request: ParsedRequestOf<typeof runnerLoad>) {
    const { state, failure } = await this.models.load(request);
    return { state, ...(failure ? { failure: refusalOf(failure) } : {}) };
  }

  @BusHandler(runnerUnload)
  async unload(request: ParsedRequestOf<typeof runnerUnload>) {
    return this.models.unload(request);
  }
}
