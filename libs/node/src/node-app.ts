import type { DynamicModule, INestApplication, LoggerService, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Registry } from 'prom-client';
import type { ServiceName } from '#contracts';
import type { ClusterNode } from './cluster-node.js';
import type { RunningApp } from './running-app.js';

export interface NodeAppOptions {
  readonly name: ServiceName;
  readonly node: ClusterNode;
  /** The app's module, with its `@BusHandler` controllers in `controllers`; `CLUSTER_NODE` is provided globally. */
  readonly module: Type<unknown> | DynamicModule;
  readonly registry: Registry;
  /** Nest's own messages; none when absent. */
  readonly nestLogger?: LoggerService;
  /** Absent: the app serves no HTTP. */
  readonly http?: {
    readonly host: string;
    readonly port: number;
    readonly bodyLimitBytes?: number;
    /** Before listening: pipes, CORS, Swagger, raw Fastify hooks. */
    readonly configure?: (app: NestFastifyApplication) => Promise<void> | void;
    /** What others reach it by, when not `http://host:port`. */
    readonly publicUrl?: string;
  };
  /** After HTTP requests in flight are answered: what else must be finished before closing. */
  readonly onDrain?: (app: INestApplication) => Promise<void>;
  /** After Nest has closed: what the app's `start` opened itself. */
  readonly onClose?: () => Promise<void>;
}

/** Starts a Nest app on a prepared node in the right order (handlers, ports, then the join) and stops it in the reverse. */
export declare function startNodeApp(options: NodeAppOptions): Promise<RunningApp>;
