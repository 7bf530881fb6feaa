import { type DynamicModule, Module } from '@nestjs/common';
import { ContentEngine } from './pods/engine/content-engine.js';
import { PodEngine } from './pods/engine/pod-engine.js';
import { PodController } from './pods/pod.controller.js';
import { CONTENT_DESK, type ContentDesk, GRANTS, type Grants } from './pods/pod.tokens.js';

export interface PodHostParts {
  readonly pods: PodEngine;
  readonly content: ContentEngine;
  readonly grants: Grants;
  readonly desk: ContentDesk;
}

@Module({})
export class PodHostModule {}

/** The only wiring of the pod host. */
export function podHostModule({ pods, content, grants, desk }: PodHostParts): DynamicModule {
  return {
    module: PodHostModule,
    controllers: [PodController],
    providers: [
      { provide: PodEngine, useValue: pods },
      { provide: ContentEngine, useValue: content },
      { provide: GRANTS, useValue: grants },
      { provide: CONTENT_DESK, useValue: desk },
    ],
  };
}
