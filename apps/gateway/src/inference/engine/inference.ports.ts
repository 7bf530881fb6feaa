import type { DataLocationPolicy, NodeId, TransferTicket, UsageEvent } from '#contracts';

/** A runner that says it serves a model now. */
export interface RunnerChoice {
  readonly nodeId: NodeId;
  readonly region: string;
  readonly version: string;
}

export interface RunnerRequest {
  readonly model: string;
  readonly version?: string;
  /** Runners not to choose: they were tried already. */
  readonly except: readonly NodeId[];
}

export type Verdict =
  | { readonly runner: RunnerChoice }
  /** `known`: some node has the model, only not ready. */
  | { readonly runner?: undefined; readonly known: boolean };

export interface RunnersPort {
  pick(request: RunnerRequest): Verdict;
  /** Content goes out to this runner; followed by one `report`. */
  begin(nodeId: NodeId): void;
  /** How the exchange ended, for the next choice. */
  report(nodeId: NodeId, outcome: { ok: boolean; latencyMs: number }): void;
}

export interface CataloguePort {
  /** Whether the registry distributes this model, whoever serves it. */
  distributes(model: string, version: string | undefined): Promise<boolean>;
}

export interface ReserveItem {
  readonly taskId: string;
  readonly grant: string;
  readonly sizeBytes: number;
  readonly model: string;
  readonly version?: string;
  readonly form: 'tensors' | 'text';
}

export interface Reserved {
  readonly ticket: TransferTicket;
  /** It was asked for before its content was there: the runner may have started anew since, and know it no more. */
  readonly ahead: boolean;
}

export interface ReservePort {
  /** One ticket, or a refusal as a WatershedError. `anew`: not one from before. */
  reserve(nodeId: NodeId, item: ReserveItem, anew?: boolean): Promise<Reserved>;
}

/** What a runner answered over HTTP. */
export interface RunnerAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Of the v2 binary extension, when the answer has one. */
  readonly headerLength?: string;
  readonly body: Buffer;
}

export interface ContentPort {
  send(
    ticket: TransferTicket,
    content: { contentType: string; headerLength?: string; body: Uint8Array },
    timeoutMs: number,
  ): Promise<RunnerAnswer>;
}

export interface GrantPort {
  inferenceGrant(personId: string, policy: DataLocationPolicy): Promise<string>;
}

export interface UsagePort {
  /** Resolves when the usage is durable. Throws the refusal of this one event. */
  record(event: UsageEvent): Promise<void>;
  /**
   * Says how it ended with usage whose row was written before: its amount may only have become less. Resolves when that is
   * durable, here or at toll; never rejects.
   */
  amend(event: UsageEvent): Promise<void>;
}

export interface PricePort {
  priceOf(model: string, inputBytes: number): Promise<{ amountMicro: bigint; asset: string }>;
}

export interface PolicyPort {
  /** Throws `policy_forbids` or another refusal where the data may not be processed in `region`. */
  assertInference(policy: DataLocationPolicy, homeRegion: string, region: string): void;
}
