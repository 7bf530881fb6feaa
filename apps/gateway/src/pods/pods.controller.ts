import type { IncomingMessage } from 'node:http';
import { Controller, Delete, Get, Post, Put, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { type Pod, resourceCursor, resourcePath, uuid } from '#contracts';
import { WatershedError } from '#errors';
import type { Principal } from '../auth/engine/principal.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { invalidRequest, ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';
import { Once, onceRequestOf, sendAnswer } from '../once/once.js';
import { createPodBody, podSchema, podsPage, resourceSchema, resourcesPage } from './pods.schemas.js';
import { PodsService } from './pods.service.js';

const podParam = { podId: { description: 'The pod', example: '01926f0e-0000-7000-8000-000000000000' } };
const pathParams = {
  ...podParam,
  path: { description: 'Path of the resource, with slashes', example: 'notes/first.txt' },
};
const resourcesQuery = pageQuery.extend({ prefix: z.string().max(512).optional(), cursor: resourceCursor.optional() });
const conditional = [
  { name: 'If-Match', description: 'Only if the resource has this ETag' },
  { name: 'If-None-Match', description: '`*`: only if there is no resource yet' },
];
const read = { scope: 'pods:read' } as const;
const write = { scope: 'pods:write' } as const;

@Controller('v1/pods')
export class PodsController {
  constructor(
    private readonly pods: PodsService,
    private readonly once: Once,
  ) {}

  @Post()
  @ApiRoute({
    tag: 'pod-host',
    id: 'createPod',
    summary: 'Make a pod',
    access: write,
    status: 201,
    once: true,
    body: { schema: createPodBody, example: {} },
    response: podSchema,
    errors: ['policy_forbids', 'policy_invalid', 'region_unknown', 'no_node_available'],
  })
  async create(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ZodBody(createPodBody) body: z.output<typeof createPodBody>,
  ): Promise<void> {
    const effect = async (podId: string) => ({ status: 201, body: await this.pods.create(who, podId, body.policy) });
    sendAnswer(reply, await this.once.remote(onceRequestOf(request), effect));
  }

  @Get()
  @ApiRoute({
    tag: 'pod-host',
    id: 'listPods',
    summary: 'My pods',
    access: read,
    paged: true,
    response: podsPage,
    errors: ['cursor_invalid', 'no_node_available'],
  })
  list(@Who() who: Principal, @ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof podsPage>> {
    return this.pods.list(who, query);
  }

  @Get(':podId')
  @ApiRoute({
    tag: 'pod-host',
    id: 'getPod',
    summary: 'One pod',
    access: read,
    params: podParam,
    response: podSchema,
    errors: ['not_found'],
  })
  get(@Who() who: Principal, @ZodParam('podId', uuid) podId: string): Promise<Pod> {
    return this.pods.read(who, podId);
  }

  @Delete(':podId')
  @ApiRoute({
    tag: 'pod-host',
    id: 'deletePod',
    summary: 'Delete a pod with all that is in it',
    access: write,
    status: 204,
    params: podParam,
    errors: ['not_found'],
  })
  async remove(@Who() who: Principal, @ZodParam('podId', uuid) podId: string): Promise<void> {
    await this.pods.remove(who, podId);
  }

  @Get(':podId/resources')
  @ApiRoute({
    tag: 'pod-host',
    id: 'listResources',
    summary: 'What lies in a pod',
    access: read,
    paged: true,
    params: podParam,
    queries: { prefix: { description: 'Only paths that begin so', example: 'notes/' } },
    response: resourcesPage,
    errors: ['not_found', 'cursor_invalid'],
  })
  resources(
    @Who() who: Principal,
    @ZodParam('podId', uuid) podId: string,
    @ZodQuery(resourcesQuery) query: z.output<typeof resourcesQuery>,
  ): Promise<z.output<typeof resourcesPage>> {
    return this.pods.resources(who, podId, query);
  }

  @Put(':podId/resources/*')
  @RouteConfig({ body: 'stream' })
  @ApiRoute({
    tag: 'pod-host',
    id: 'putResource',
    summary: 'Store a resource',
    access: write,
    params: pathParams,
    description:
      'Send any media type: it is kept, and comes back when the resource is read. Takes a Content-Length, not chunks.',
    headers: conditional,
    bytes: ['application/octet-stream', '*/*'],
    response: resourceSchema,
    also: [{ status: 201, description: 'Stored where nothing was before' }],
    answerHeaders: ['ETag'],
    errors: ['not_found', 'policy_forbids', 'conflict', 'storage_full', 'body_too_large'],
  })
  async put(
    @Who() who: Principal,
    @ZodParam('podId', uuid) podId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const body = (request.body as IncomingMessage | undefined) ?? request.raw;
    const { status, resource } = await this.pods.put(who, podId, pathOf(request), body, request.headers);
    reply.status(status).header('etag', resource.etag).send(resource);
  }

  @Get(':podId/resources/*')
  @ApiRoute({
    tag: 'pod-host',
    id: 'getResource',
    summary: 'Read a resource',
    access: read,
    description: 'Comes with the media type it was stored with.',
    params: pathParams,
    headers: [
      { name: 'If-None-Match', description: 'Only if the resource has another ETag; 304 otherwise' },
      { name: 'Range', description: '`bytes=<from>-<to>`: a part of it' },
    ],
    answers: ['application/octet-stream', '*/*'],
    also: [
      { status: 206, description: 'The part that Range asks for' },
      { status: 304, description: 'The resource still has the ETag', empty: true },
    ],
    answerHeaders: ['ETag', 'Last-Modified', 'Content-Range', 'Content-Security-Policy'],
    errors: ['not_found', 'policy_forbids'],
  })
  async read(
    @Who() who: Principal,
    @ZodParam('podId', uuid) podId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const answer = await this.pods.get(who, podId, pathOf(request), request.headers);
    for (const name of ['content-type', 'content-length', 'content-range', 'etag', 'last-modified']) {
      const value = answer.headers[name];
      if (typeof value === 'string') reply.header(name, value);
    }
    // What people store is theirs, not ours: a browser must not run it as a page of this origin.
    reply.header('content-security-policy', "sandbox; default-src 'none'").status(answer.status).send(answer.body);
  }

  @Delete(':podId/resources/*')
  @ApiRoute({
    tag: 'pod-host',
    id: 'deleteResource',
    summary: 'Delete a resource',
    access: write,
    status: 204,
    params: pathParams,
    headers: conditional.slice(0, 1),
    errors: ['not_found', 'conflict'],
  })
  async removeResource(
    @Who() who: Principal,
    @ZodParam('podId', uuid) podId: string,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    await this.pods.removeResource(who, podId, pathOf(request), request.headers['if-match']);
  }
}

function pathOf(request: FastifyRequest): string {
  const { '*': wildcard } = request.params as Record<string, string | undefined>;
  if (wildcard === undefined) throw new WatershedError('not_found', 'The path of the resource is missing.');
  const parsed = resourcePath.safeParse(wildcard);
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
}
