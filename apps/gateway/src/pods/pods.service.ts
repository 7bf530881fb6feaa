import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { z } from 'zod';
import {
  type DataLocationPolicy,
  type Pod,
  type PodResource,
  type PodTransferAction,
  podCreate,
  podDelete,
  podGet,
  podList,
  podListingPage,
  podReserve,
  podResource,
  resourcePathHeader,
} from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { narrow } from '#policy';
import type { TransferClient, TransferRequest, TransferResponse } from '#transfer';
import type { PersonRecord, Principal } from '../auth/engine/principal.js';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import { refusalFrom } from '../http/transfer-answer.js';
import type { Grants } from '../inference/inference.adapters.js';
import { knownPolicy } from '../people/known-policy.js';

type Owner = Pick<Principal | PersonRecord, 'personId' | 'policy'>;

const maxAnswerBytes = 65_536;
/** Two hundred resources with the longest paths and media types there are. */
const maxPageBytes = 2 ** 20;

/** A person's pods, through the pod host that keeps them. Bytes stream; nothing of them is kept here. */
export class PodsService {
  constructor(
    private readonly parts: {
      readonly cluster: GatewayCluster;
      readonly grants: Grants;
      readonly transfer: Pick<TransferClient, 'transfer'>;
      readonly maxBytes: number;
      readonly timeoutMs: number;
    },
  ) {}

  async create(who: Owner, podId: string, own: DataLocationPolicy | undefined): Promise<Pod> {
    const policy = own ? narrow(who.policy, knownPolicy(own)) : who.policy;
    if (policy.allowedRegions.length === 0) {
      throw new WatershedError(
        'policy_forbids',
        'The policy of the pod and your default policy have no place in common.',
      );
    }
    return this.parts.cluster.call(podCreate, { grant: await this.mayStore(who), podId, policy });
  }

  async list(who: Owner, page: { cursor?: string; limit: number }) {
    return this.parts.cluster.call(podList, { ...page, grant: await this.mayRead(who) });
  }

  async read(who: Owner, podId: string): Promise<Pod> {
    return this.parts.cluster.call(podGet, { grant: await this.mayRead(who), podId });
  }

  async remove(who: Owner, podId: string): Promise<void> {
    await this.parts.cluster.call(podDelete, { grant: await this.mayStore(who), podId });
  }

  async resources(who: Owner, podId: string, page: { cursor?: string; limit: number; prefix?: string }) {
    const answer = await this.again(who, podId, 'list', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(page),
    });
    return parsed(answer, podListingPage, maxPageBytes);
  }

  async removeResource(who: Owner, podId: string, path: string, ifMatch: string | undefined): Promise<void> {
    const answer = await this.again(who, podId, 'delete', {
      method: 'DELETE',
      headers: { ...named(path), ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }) },
    });
    answer.body.resume();
  }

  async put(who: Owner, podId: string, path: string, body: IncomingMessage, headers: IncomingHttpHeaders) {
    const sizeBytes = Number(headers['content-length'] ?? Number.NaN);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      throw new WatershedError('invalid_request', 'Send Content-Length: how many bytes follow must be known before.');
    }
    const { maxBytes } = this.parts;
    if (sizeBytes > maxBytes) {
      throw new WatershedError('body_too_large', `A resource may have at most ${maxBytes} bytes.`, {
        details: { maxBytes },
      });
    }
    const answer = await this.transferred(
      who,
      podId,
      'put',
      {
        method: 'PUT',
        headers: { ...passed(headers, putHeaders), ...named(path), 'content-length': String(sizeBytes) },
        body,
      },
      sizeBytes,
    );
    return {
      status: answer.status === 201 ? 201 : 200,
      resource: (await parsed(answer, podResource, maxAnswerBytes)) satisfies PodResource,
    };
  }

  /** The resource as a stream; `status` 304 without one. */
  get(who: Owner, podId: string, path: string, headers: IncomingHttpHeaders): Promise<TransferResponse> {
    return this.again(who, podId, 'get', {
      method: 'GET',
      headers: { ...passed(headers, getHeaders), ...named(path) },
    });
  }

  /** Deletes every pod of someone who has gone. Again: nothing more. */
  async removeAll(who: Owner): Promise<void> {
    for (;;) {
      const { items } = await this.list(who, { limit: 50 });
      if (items.length === 0) return;
      for (const { podId } of items) await this.remove(who, podId);
    }
  }

  /** As `transferred`, once more where the pod host went away: what has no body can be asked again. */
  private async again(who: Owner, podId: string, action: PodTransferAction, request: TransferRequest) {
    try {
      return await this.transferred(who, podId, action, request);
    } catch (error) {
      if (!isWatershedError(error, 'node_unreachable')) throw error;
      return this.transferred(who, podId, action, request);
    }
  }

  /** Reserves by ids and sizes over the bus; what the person named goes by HTTP, under the ticket. */
  private async transferred(
    who: Owner,
    podId: string,
    action: PodTransferAction,
    request: TransferRequest,
    sizeBytes?: number,
  ): Promise<TransferResponse> {
    const { cluster, transfer, timeoutMs } = this.parts;
    const grant = await (action === 'put' || action === 'delete' ? this.mayStore(who) : this.mayRead(who));
    const sized = sizeBytes === undefined ? {} : { sizeBytes };
    const { ticket } = await cluster.call(podReserve, { grant, podId, action, ...sized });
    const answer = await transfer.transfer(ticket, { ...request, timeoutMs });
    if (answer.status >= 400) throw await refusalFrom(answer);
    return answer;
  }

  private mayStore(who: Owner): Promise<string> {
    return this.parts.grants.grant(who.personId, 'store', who.policy);
  }
  private mayRead(who: Owner): Promise<string> {
    return this.parts.grants.grant(who.personId, 'read', who.policy);
  }
}

const putHeaders = ['content-type', 'if-match', 'if-none-match'];
const getHeaders = ['if-none-match', 'range'];

function passed(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

/** Names the resource to the pod host and to nobody else. */
const named = (path: string): Record<string, string> => ({ [resourcePathHeader]: encodeURIComponent(path) });

async function parsed<Schema extends z.ZodType>(
  answer: TransferResponse,
  schema: Schema,
  atMostBytes: number,
): Promise<z.output<Schema>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    const bytes: Buffer = chunk;
    size += bytes.byteLength;
    if (size > atMostBytes) throw new WatershedError('internal', 'The pod host answered more than was asked for.');
    chunks.push(bytes);
  }
  return schema.parse(JSON.parse(Buffer.concat(chunks, size).toString('utf8')));
}
