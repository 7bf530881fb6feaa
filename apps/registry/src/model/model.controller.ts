import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import {
  type ParsedRequestOf,
  registryInspect,
  registryModel,
  registryModels,
  registryReview,
  registrySubmit,
} from '#contracts';
import { ModelEngine } from './engine/model-engine.js';

@Controller()
export class ModelController {
  constructor(@Inject(ModelEngine) private readonly engine: ModelEngine) {}

  @BusHandler(registryInspect)
  async inspect({ sha256 }: ParsedRequestOf<typeof registryInspect>) {
    const { irVersion: _, ...inspection } = await this.engine.inspect(sha256);
    return {
      ...inspection,
      inputs: [...inspection.inputs],
      outputs: [...inspection.outputs],
      operators: [...inspection.operators],
    };
  }

  @BusHandler(registrySubmit)
  submit({ manifest }: ParsedRequestOf<typeof registrySubmit>) {
    return this.engine.submit(manifest);
  }

  @BusHandler(registryReview)
  review(request: ParsedRequestOf<typeof registryReview>) {
    return this.engine.review(request);
  }

  @BusHandler(registryModel)
  model({ name, version }: ParsedRequestOf<typeof registryModel>) {
    return this.engine.find(name, version);
  }

  @BusHandler(registryModels)
  models(request: ParsedRequestOf<typeof registryModels>) {
    return this.engine.page(request);
  }
}
