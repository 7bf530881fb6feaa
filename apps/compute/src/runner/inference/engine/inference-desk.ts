import type { GrantClaims, ParsedRequestOf, runnerReserve, TicketBook, TransferTicket } from '#contracts';
import { isWatershedError, toWireError, WatershedError, type WireError } from '#errors';
import type { ModelEntry } from '../../model/engine/model-entry.js';
import type { Admission, Place } from './admission.js';
import { noText, notReady } from './inference-engine.js';

/** What a ticket is good for. */
export interface Booking {
  readonly taskId: string;
  readonly entry: ModelEntry;
  readonly form: 'tensors' | 'text';
  /** The gateway that asked. */
  readonly callerId: string;
  /** Absent from a ticket given ahead: room is looked for when its content comes. */
  readonly place?: Place;
}

export interface InferenceDeskOptions {
  readonly admission: Admission;
  readonly find: (model: string, version?: string) => ModelEntry | undefined;
  readonly verifyGrant: (grant: string) => Promise<GrantClaims>;
  /** Undefined when this person's policy allows an inference here; else the refusal. */
  readonly judge: (claims: GrantClaims) => WatershedError | undefined;
  /** So many tokens, each good for one content. */
  readonly issue: (booking: Booking, maxBytes: number, count: number) => string[];
  readonly url: () => string;
  /** Tickets that nobody has used yet. */
  readonly outstanding: () => number;
  /** Beyond so many outstanding tickets none is given ahead. */
  readonly aheadCapacity: number;
  /** Of what is sent. */
  readonly maxBodyBytes: number;
}

type Item = ParsedRequestOf<typeof runnerReserve>['items'][number];
type Reserved = TransferTicket | TicketBook | { refusal: WireError };

/** Gives places at this runner: grant, policy, model, room, in this order; one ticket an item. */
export class InferenceDesk {
  constructor(private readonly options: InferenceDeskOptions) {}

  async reserve(request: ParsedRequestOf<typeof runnerReserve>, callerId: string): Promise<Reserved[]> {
    // A grant covers many items and is judged once; a bad one refuses its own items only.
    const verdicts = await Promise.all(request.grants.map((grant) => this.judged(grant, callerId)));
    return request.items.map((item) => {
      const refusal = verdicts[item.grant];
      if (refusal === undefined) return { refusal: toWireError(noGrant()) };
      if (refusal !== 'allowed') return { refusal };
      try {
        return this.ticket(item, callerId);
      } catch (error) {
        if (!isWatershedError(error)) throw error;
        return { refusal: error.toWire() };
      }
    });
  }

  private async judged(grant: string, callerId: string): Promise<'allowed' | WireError> {
    try {
      const claims = await this.options.verifyGrant(grant);
      // A grant is the gateway's own: one that another node holds was not given to it.
      if (claims.iss !== callerId) throw new WatershedError('grant_invalid', 'The grant was given by another node.');
      const refusal = this.options.judge(claims);
      return refusal ? refusal.toWire() : 'allowed';
    } catch (error) {
      if (!isWatershedError(error)) throw error;
      return error.toWire();
    }
  }

  private ticket(item: Item, callerId: string): TransferTicket | TicketBook {
    const { admission, find, issue, url, maxBodyBytes } = this.options;
    const entry = find(item.model, item.version);
    if (!entry || entry.state === 'unloaded' || entry.state === 'unloading')
      throw new WatershedError('model_unknown', 'This runner does not serve the model.', {
        details: { model: item.model, ...(item.version === undefined ? {} : { version: item.version }) },
      });
    if (entry.state !== 'ready') throw notReady(entry);
    if (item.form === 'text' && !entry.model.manifest.text) throw noText(item.model);
    if (item.sizeBytes > maxBodyBytes)
      throw new WatershedError('body_too_large', `A request may have ${maxBodyBytes} bytes at most.`, {
        details: { maxBytes: maxBodyBytes },
      });
    // The size that was announced is the size that may come: admission counts with it.
    const maxBytes = Math.max(1, item.sizeBytes);
    if (item.ahead) {
      if (this.options.outstanding() + item.ahead > this.options.aheadCapacity)
        throw new WatershedError('overloaded', 'Too many tickets given ahead are unused.');
      const tokens = issue({ taskId: item.taskId, entry, form: item.form, callerId }, maxBytes, item.ahead);
      return { url: url(), tokens, maxBytes };
    }
    const place = admission.reserve(item.sizeBytes);
    try {
      const [token = ''] = issue({ taskId: item.taskId, entry, form: item.form, callerId, place }, maxBytes, 1);
      return { url: url(), token, maxBytes };
    } catch (error) {
      admission.finish(place, 0);
      throw error;
    }
  }
}

const noGrant = () => new WatershedError('grant_invalid', 'The item names a grant that was not sent.');
