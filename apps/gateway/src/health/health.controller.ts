import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import type { ServiceName } from '#contracts';
import { WatershedError } from '#errors';
import type { Database } from '#persistence';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { GATEWAY_DATABASE } from '../database.token.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named } from '../http/api-schema.js';
import { Drain } from '../http/drain.js';

const liveSchema = named('Live', z.object({ live: z.literal(true) }));
const readySchema = named('Ready', z.object({ ready: z.literal(true) }));

/** Without these no inference is answered; other services being away costs only their own routes. */
const needed: readonly ServiceName[] = ['index', 'toll'];

@Controller('health')
export class HealthController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    @Inject(GATEWAY_DATABASE) private readonly database: Database,
    private readonly drain: Drain,
  ) {}

  @Get('live')
  @ApiRoute({ tag: 'gateway', id: 'live', summary: 'Whether the process works', access: 'free', response: liveSchema })
  live(): z.output<typeof liveSchema> {
    return { live: true };
  }

  @Get('ready')
  @ApiRoute({
    tag: 'gateway',
    id: 'ready',
    summary: 'Whether requests should be sent here',
    description: '503 names what is missing in `details.missing`.',
    access: 'free',
    response: readySchema,
    errors: ['shutting_down', 'overloaded'],
  })
  async ready(): Promise<z.output<typeof readySchema>> {
    if (this.drain.draining) throw new WatershedError('shutting_down', 'This gateway is stopping. Use another.');
    const missing = [
      ...(this.drain.open ? [] : ['start']),
      ...(this.cluster.connected() ? [] : ['bus']),
      ...((await this.databaseAnswers()) ? [] : ['database']),
      ...needed.filter((service) => this.cluster.find(service).length === 0),
    ];
    if (missing.length > 0) {
      throw new WatershedError('overloaded', `Not ready: ${missing.join(', ')} missing.`, {
        retryAfterMs: 1_000,
        details: { missing },
      });
    }
    return { ready: true };
  }

  private async databaseAnswers(): Promise<boolean> {
    return this.database.ping().then(
      () => true,
      () => false,
    );
  }
}
