import type { Registry } from 'prom-client';
import type { Neighbours } from '#bus';
import type { Env } from '#config';
import type { NodeId, ServiceName } from '#contracts';
import type { IndexPort } from './index-port.js';

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

/** What an app finds in the process that it runs in. */
export interface Surroundings {
  /** The other apps' nodes there. */
  readonly neighbours?: Neighbours;
  /** Instead of the index that the bus finds: tests join one in memory. */
  readonly index?: IndexPort;
}

export type StartApp = (env: Env, surroundings?: Surroundings) => Promise<RunningApp>;
