import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import {
  type ParsedRequestOf,
  type PolicyAction,
  podCreate,
  podDelete,
  podGet,
  podList,
  podReserve,
  type ResponseOf,
} from '#contracts';
import { ContentEngine } from './engine/content-engine.js';
import { PodEngine } from './engine/pod-engine.js';
import { CONTENT_DESK, type ContentDesk, GRANTS, type Grants } from './pod.tokens.js';

/** The bus edge of the pods: a grant says for whom, and must be for the action at hand. */
@Controller()
export class PodController {
  constructor(
    @Inject(PodEngine) private readonly pods: PodEngine,
    @Inject(ContentEngine) private readonly content: ContentEngine,
    @Inject(GRANTS) private readonly grants: Grants,
    @Inject(CONTENT_DESK) private readonly desk: ContentDesk,
  ) {}

  @BusHandler(podCreate)
  async create(request: ParsedRequestOf<typeof podCreate>): Promise<ResponseOf<typeof podCreate>> {
    return this.pods.create(await this.claims(request, 'store'), request.podId, request.policy);
  }

  @BusHandler(podList)
  async list(request: ParsedRequestOf<typeof podList>): Promise<ResponseOf<typeof podList>> {
    return this.pods.list(await this.claims(request, 'read'), request);
  }

  @BusHandler(podGet)
  async get(request: ParsedRequestOf<typeof podGet>): Promise<ResponseOf<typeof podGet>> {
    return this.pods.get(await this.claims(request, 'read'), request.podId);
  }

  @BusHandler(podDelete)
  async delete(request: ParsedRequestOf<typeof podDelete>): Promise<ResponseOf<typeof podDelete>> {
    await this.pods.delete(await this.claims(request, 'store'), request.podId);
    return {};
  }

  @BusHandler(podReserve)
  async reserve(request: ParsedRequestOf<typeof podReserve>): Promise<ResponseOf<typeof podReserve>> {
    const { podId, action, sizeBytes } = request;
    const claims = await this.claims(request, action === 'put' || action === 'delete' ? 'store' : 'read');
    const maxBytes = await this.content.reserve(claims, { podId, action }, sizeBytes);
    const bind = { claims: { sub: claims.sub, policy: claims.policy }, podId, action };
    return { ticket: this.desk.ticket(bind, maxBytes) };
  }

  private claims({ grant }: { readonly grant: string }, action: PolicyAction) {
    return this.grants.verify(grant, { action });
  }
}
