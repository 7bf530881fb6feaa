import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import {
  type DataLocationPolicy,
  type Pod,
  type PodResource,
  podCreate,
  podDelete,
  podDeleteResource,
  podGet,
  podList,
  podReserve,
  podResource,
  podResources,
} from '#contracts';
import { WatershedError } from '#errors';
import { narrow } from '#policy';
import type { TransferClient, TransferResponse } from '#transfer';
import type { PersonRecord, Principal } from '../auth/engine/principal.js';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import { refusalFrom } from '../http/transfer-answer.js';
import type { Grants } from '../inference/inference.adapters.js';
import { knownPolicy } from '../people/known-policy.js';

type Owner = Pick<Principal | PersonRecord, 'personId' | 'policy'>;

const maxAnswerBytes = 65_536;

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
    return this.parts.cluster.call(podResources, { ...page, grant: await this.mayRead(who), podId });
  }

  async removeResource(who: Owner, podId: string, path: string, ifMatch: string | undefined): Promise<void> {
    const grant = await this.mayStore(who);
    await this.parts.cluster.call(podDeleteResource, {
      grant,
      podId,
      path,
      ...(ifMatch === undefined ? {} : { ifMatch }),
    });
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
    const grant = await this.mayStore(who);
    const { ticket } = await this.parts.cluster.call(podReserve, { grant, podId, path, direction: 'put', sizeBytes });
    const answer = await this.parts.transfer.transfer(ticket, {
      method: 'PUT',
      headers: { ...passed(headers, putHeaders), 'content-length': String(sizeBytes) },
      body,
      timeoutMs: this.parts.timeoutMs,
    });
    if (answer.status >= 400) throw await refusalFrom(answer);
    return { status: answer.status === 201 ? 201 : 200, resource: await resourceIn(answer) };
  }

  /** The resource as a stream; `status` 304 without one. */
  async get(who: Owner, podId: string, path: string, headers: IncomingHttpHeaders): Promise<TransferResponse> {
    const grant = await this.mayRead(who);
    const { ticket } = await this.parts.cluster.call(podReserve, { grant, podId, path, direction: 'get' });
    const answer = await this.parts.transfer.transfer(ticket, {
      method: 'GET',
      headers: passed(headers, getHeaders),
      timeoutMs: this.parts.timeoutMs,
    });
    if (answer.status >= 400) throw await refusalFrom(answer);
    return answer;
  }

  /** Deletes every pod of someone who has gone. Again: nothing more. */
  async removeAll(who: Owner): Promise<void> {
    for (;;) {
      const { items } = await this.list(who, { limit: 50 });
      if (items.length === 0) return;
      for (const { podId } of items) await this.remove(who, podId);
    }
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

async function resourceIn(answer: TransferResponse): Promise<PodResource> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    const bytes: Buffer = chunk;
    size += bytes.byteLength;
    if (size > maxAnswerBytes) throw new WatershedError('internal', 'The pod host answered more than a resource.');
    chunks.push(bytes);
  }
  return podResource.parse(JSON.parse(Buffer.concat(chunks, size).toString('utf8')));
}
