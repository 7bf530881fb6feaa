import type { Registry } from 'prom-client';
import type { Env } from '#config';
import type { NodeId, ServiceName } from '#contracts';

/** One started app, however many of them the process holds. */
export interface RunningApp {
  readonly name: ServiceName;
  readonly nodeId: NodeId;
  /** Where it takes HTTP, if it does; with the port it really got. */
  readonly url?: string;
  readonly metrics: Registry;
  /** Whether it can do its work now; what `/health/ready` asks. Absent: as long as it is not draining. */
  ready?(): boolean;
  /** Stops taking work, finishes what is in flight and says good-bye to the index. Safe to call twice. */
  drain(): Promise<void>;
  /** Leaves the cluster, if it has not drained, and closes every connection. Safe to call twice. */
  close(): Promise<void>;
}

export type StartApp = (env: Env) => Promise<RunningApp>;
