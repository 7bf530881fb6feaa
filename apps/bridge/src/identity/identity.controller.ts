import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BusHandler } from '#bus';
import { bridgeIdentity } from '#contracts';
import { digestOf } from '#sigil';
import { DescriptorEngine } from './engine/descriptor-engine.js';

/** How long another cluster may go on with what it fetched before asking again. */
const cacheSeconds = 60;

/** Who this cluster is: to its gateway over the bus, to everyone else by HTTP. */
@Controller()
export class IdentityController {
  constructor(@Inject(DescriptorEngine) private readonly engine: DescriptorEngine) {}

  @BusHandler(bridgeIdentity)
  async identity() {
    const { descriptor, delegation } = await this.engine.current();
    return { descriptor, delegation };
  }
}

@Controller('.well-known/watershed')
export class WellKnownController {
  constructor(@Inject(DescriptorEngine) private readonly engine: DescriptorEngine) {}

  @Get('descriptor.json')
  async descriptor(@Headers('if-none-match') known: string | undefined, @Res() reply: FastifyReply): Promise<void> {
    send(reply, known, (await this.engine.current()).descriptor);
  }

  @Get('delegation.json')
  async delegation(@Headers('if-none-match') known: string | undefined, @Res() reply: FastifyReply): Promise<void> {
    send(reply, known, (await this.engine.current()).delegation);
  }
}

function send(reply: FastifyReply, known: string | undefined, document: object): void {
  const etag = `"${digestOf(document)}"`;
  void reply.header('etag', etag).header('cache-control', `public, max-age=${cacheSeconds}`);
  if (matches(known, etag)) void reply.code(304).send();
  else void reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(document));
}

/** RFC 9110 §13.1.2: `*`, or a list compared weakly. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((each) => ['*', etag].includes(each.trim().replace(/^W\//, '')));
}
