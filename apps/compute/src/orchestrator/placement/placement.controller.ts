import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import {
  orchestratorDisplace,
  orchestratorPlace,
  orchestratorPlaced,
  orchestratorPlacements,
  type ParsedRequestOf,
  type Placement,
  uuid,
} from '#contracts';
import { WatershedError } from '#errors';
import type { PlacementRepository, PlacementRow } from './engine/placement.ports.js';
import { PlacementEngine } from './engine/placement-engine.js';

export const PLACEMENT_REPOSITORY = Symbol('PLACEMENT_REPOSITORY');

@Controller()
export class PlacementController {
  constructor(
    @Inject(PlacementEngine) private readonly engine: PlacementEngine,
    @Inject(PLACEMENT_REPOSITORY) private readonly placements: PlacementRepository,
  ) {}

  @BusHandler(orchestratorPlace)
  async place(request: ParsedRequestOf<typeof orchestratorPlace>) {
    return { placements: (await this.engine.place(request)).map(placementOf) };
  }

  @BusHandler(orchestratorDisplace)
  async displace(request: ParsedRequestOf<typeof orchestratorDisplace>) {
    return { placements: (await this.engine.displace(request)).map(placementOf) };
  }

  @BusHandler(orchestratorPlaced)
  async placed({ nodeId, versions }: ParsedRequestOf<typeof orchestratorPlaced>) {
    return { placed: await this.placements.isPlaced(nodeId, versions) };
  }

  @BusHandler(orchestratorPlacements)
  async list({ cursor, limit, model }: ParsedRequestOf<typeof orchestratorPlacements>) {
    const after = cursor === undefined ? undefined : placementIdIn(cursor);
    const rows = await this.placements.page({
      limit: limit + 1,
      ...(model === undefined ? {} : { model }),
      ...(after === undefined ? {} : { after }),
    });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map(placementOf),
      ...(rows.length > limit && last ? { nextCursor: Buffer.from(last.placementId).toString('base64url') } : {}),
    };
  }
}

function placementIdIn(cursor: string): string {
  const parsed = uuid.safeParse(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (parsed.success) return parsed.data;
  throw new WatershedError('cursor_invalid', 'This cursor is not one that a page of placements gave.');
}

export function placementOf(row: PlacementRow): Placement {
  const { placementId, nodeId, model, version, wanted, state, failure, epoch, updatedAt } = row;
  return {
    placementId,
    nodeId,
    model,
    version,
    wanted,
    state,
    ...(failure ? { failure: refusalOf(failure) } : {}),
    epoch,
    updatedAt: updatedAt.toISOString(),
  };
}

const refusalOf = ({ code, message, details, retryAfterMs }: NonNullable<PlacementRow['failure']>) => ({
  code,
  message,
  ...(details
    ? {
        details: Object.fromEntries(
          Object.entries(details).map(([name, value]) => [name, Array.isArray(value) ? [...value] : plain(value)]),
        ),
      }
    : {}),
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

function plain(value: unknown): string | number | boolean | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
