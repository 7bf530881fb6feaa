import { createHash, randomBytes } from 'node:crypto';
import { Controller, Inject, Post, Req } from '@nestjs/common';
import { z } from 'zod';
import {
  governanceIssueTicket,
  governanceRedeemTicket,
  instant,
  joinAnswer,
  joinSecrets,
  joinTicketScope,
  nodeManifest,
  sha256,
} from '#contracts';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { GATEWAY_CONFIG, type GatewayConfig } from '../config.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named, namedRequest } from '../http/api-schema.js';
import { type FastifyRequest, Who } from '../http/request.js';
import { ZodBody } from '../http/zod.pipe.js';

const ticketText = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const ticketBody = namedRequest('JoinTicketScope', joinTicketScope);
const ticketSchema = named(
  'JoinTicket',
  z.object({
    ticket: ticketText,
    expiresAt: instant,
    /** SHA-256 of the certificate that this gateway shows, where it speaks TLS itself; it travels with the ticket. */
    gatewayFingerprint: sha256.optional(),
  }),
);
const joinBody = namedRequest('JoinCluster', joinSecrets.extend({ ticket: ticketText, manifest: nodeManifest }));
const joinedSchema = named('JoinedCluster', joinAnswer);

const hashOf = (ticket: string): string => createHash('sha256').update(ticket).digest('hex');
const nodeId = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';

/** How a node comes into the cluster. A ticket is made here and only its hash goes on, so that Redis never carries one. */
@Controller('v1')
export class JoinController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    @Inject(GATEWAY_CONFIG) private readonly config: Pick<GatewayConfig, 'tls'>,
    private readonly audit: AuditLog,
  ) {}

  @Post('nodes/tickets')
  @ApiRoute({
    tag: 'governance',
    id: 'issueJoinTicket',
    summary: 'Make a ticket that lets one node in, once',
    description: "Bound to the thumbprint of the node's key and to its services. It is shown this once.",
    access: { scope: 'nodes:manage' },
    status: 201,
    body: { schema: ticketBody, example: { nodeId, services: ['runner'], expiresInSeconds: 3_600 } },
    response: ticketSchema,
    errors: ['role_missing', 'node_expelled', 'no_node_available'],
  })
  issue(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodBody(ticketBody) scope: z.output<typeof ticketBody>,
  ): Promise<z.output<typeof ticketSchema>> {
    const ticket = randomBytes(32).toString('base64url');
    const details = { services: scope.services.join(' '), expiresInSeconds: scope.expiresInSeconds };
    return this.audit.around(who, request.id, { action: 'node.ticket', subject: scope.nodeId, details }, async () => {
      const kept = { ...scope, ticketSha256: hashOf(ticket), issuedBy: who.personId };
      const { expiresAt } = await this.cluster.call(governanceIssueTicket, kept);
      const { tls } = this.config;
      return { ticket, expiresAt, ...(tls ? { gatewayFingerprint: tls.fingerprint } : {}) };
    });
  }

  @Post('join')
  @ApiRoute({
    tag: 'governance',
    id: 'joinCluster',
    summary: 'Join with a ticket',
    description:
      'The manifest carries two signatures: of the node’s key, whose thumbprint the ticket names, and of an operator of ' +
      'this cluster. The node chooses its passwords and sends what Redis (SHA-256) and Postgres (SCRAM verifier) keep of ' +
      'them; the answer says where to log in. A ticket works once; the same request gets the same answer until it expires.',
    access: 'open',
    status: 201,
    body: {
      schema: joinBody,
      example: {
        ticket: 'T'.repeat(43),
        redisPasswordSha256: '0'.repeat(64),
        manifest: {
          type: 'watershed/node-manifest',
          nodeId,
          clusterId: 'C'.repeat(43),
          region: 'EU/FR',
          types: ['compute'],
          services: ['runner'],
          key: { kty: 'OKP', crv: 'Ed25519', x: 'x'.repeat(43) },
          purposeKeys: [],
          url: 'https://10.0.0.7:4105',
          tlsFingerprint: '0'.repeat(64),
          operatorId: 'O'.repeat(43),
          capabilities: {},
          issuedAt: '2026-11-21T12:00:00.000Z',
          signatures: [{ protected: 'eyJ…', signature: '…' }],
        },
      },
    },
    response: joinedSchema,
    errors: [
      'ticket_invalid',
      'ticket_used',
      'ticket_expired',
      'ticket_mismatch',
      'manifest_invalid',
      'node_address_refused',
      'signature_invalid',
      'node_expelled',
      'conflict',
      'malformed_body',
      'no_node_available',
    ],
  })
  join(@ZodBody(joinBody) body: z.output<typeof joinBody>): Promise<z.output<typeof joinedSchema>> {
    const { ticket, ...rest } = body;
    return this.cluster.call(governanceRedeemTicket, { ...rest, ticketSha256: hashOf(ticket) });
  }
}
