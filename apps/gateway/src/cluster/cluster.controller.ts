import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import { bridgeIdentity } from '#contracts';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named } from '../http/api-schema.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from './cluster.port.js';

const identitySchema = named('ClusterIdentity', bridgeIdentity.response);

@Controller('v1/cluster')
export class ClusterController {
  constructor(@Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster) {}

  @Get()
  @ApiRoute({
    tag: 'bridge',
    id: 'cluster',
    summary: 'Who this cluster is',
    description: 'Its descriptor and the delegation of the key that signed it.',
    access: 'open',
    response: identitySchema,
    errors: ['no_node_available'],
  })
  identity(): Promise<z.output<typeof identitySchema>> {
    return this.cluster.call(bridgeIdentity, {});
  }
}
