import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { LoopDelayMeter } from './loop-delay-meter.js';
import { processRegistry } from './process.metrics.js';
import type { RunningApp } from './running-app.js';

export interface OpsServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface OpsState {
  /** Empty until the first app has started. */
  apps(): readonly RunningApp[];
  ready(): boolean;
  readonly dataFolder?: string;
}

/** Finer than for the heartbeat, which weighs nodes by it; the panel shows it to people. */
const loopSampleMs = 100;

/**
 * `/metrics` of all apps of the process, `/health/live` and `/health/ready`, on a port that is not public. Apps keep a
 * registry each, with a default label `service`, so series of the same name stand beside each other.
 */
export async function startOpsServer(state: OpsState, port: number, host: string): Promise<OpsServer> {
  const loopLag = new LoopDelayMeter(loopSampleMs);
  const process = processRegistry({
    ready: () => state.ready(),
    dataFolder: state.dataFolder,
    takeLoopLagMs: () => loopLag.takeMs(),
  });
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (request.method !== 'GET') return void response.writeHead(405).end();
    if (path === '/health/live') return void response.writeHead(200).end('live\n');
    if (path === '/health/ready') {
      const ready = state.ready();
      return void response.writeHead(ready ? 200 : 503).end(ready ? 'ready\n' : 'not ready\n');
    }
    if (path !== '/metrics') return void response.writeHead(404).end();
    readMetrics([process, ...state.apps().map((app) => app.metrics)]).then(
      (text) => response.writeHead(200, { 'content-type': process.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await listen(server, port, host);
  loopLag.start();
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        loopLag.stop();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The text exposition of several registries as one; series that agree in every label are summed. */
export async function readMetrics(registries: readonly Registry[]): Promise<string> {
  const distinct = [...new Set(registries)];
  const merged = AggregatorRegistry.aggregate(await Promise.all(distinct.map((each) => each.getMetricsAsJSON())));
  return merged.metrics();
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
