import { type DynamicModule, Module } from '@nestjs/common';
import type { PlacementRepository } from './placement/engine/placement.ports.js';
import { PlacementEngine } from './placement/engine/placement-engine.js';
import { PLACEMENT_REPOSITORY, PlacementController } from './placement/placement.controller.js';

export interface OrchestratorResources {
  readonly engine: PlacementEngine;
  readonly placements: PlacementRepository;
}

@Module({})
export class OrchestratorModule {}

/** The orchestrator's Nest shell: its bus edge. What it drives is wired by `startOrchestrator`. */
export function orchestratorModule({ engine, placements }: OrchestratorResources): DynamicModule {
  return {
    module: OrchestratorModule,
    controllers: [PlacementController],
    providers: [
      { provide: PlacementEngine, useValue: engine },
      { provide: PLACEMENT_REPOSITORY, useValue: placements },
    ],
  };
}
