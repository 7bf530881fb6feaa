import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Controller, type DynamicModule, Get, Inject, Module } from '@nestjs/common';
import { z } from 'zod';
import { BusHandler, type Caller } from '#bus';
import { defineMethod, type ParsedRequestOf, type ServedModel } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { loadOrCreateSigil } from '#sigil';
import { createLogger, createMetrics, type Logger } from '#telemetry';
import { eventually, leakCheck, MemoryIndex, type TestRedis, testLogger, testRedis } from '#testing';
import { CLUSTER_NODE, ClusterNode } from './cluster-node.js';
import { startNodeApp } from './node-app.js';
import { readMetrics } from './ops-server.js';
import type { RunningApp } from './running-app.js';

const greet = defineMethod({
  name: 'toll-greet',
  service: 'toll',
  request: z.object({ name: z.string(), times: z.number().default(1) }),
  response: z.object({ text: z.string() }),
  callers: ['gateway'],
  idempotent: false,
  timeoutMs: 2_000,
});

/** What a test lets happen inside the app. */
class Gate {
  waiting = 0;
  private release: (() => void)[] = [];

  async pass(): Promise<void> {
    this.waiting += 1;
    await new Promise<void>((resolve) => this.release.push(resolve));
  }

  open(): void {
    for (const resolve of this.release.splice(0)) resolve();
  }
}

// The minimal app: a controller for the bus and HTTP, and a module that wires it.
@Controller()
class GreetController {
  constructor(
    @Inject(CLUSTER_NODE) private readonly node: ClusterNode,
    @Inject(Gate) private readonly gate: Gate,
  ) {}

  @BusHandler(greet)
  async greet(request: ParsedRequestOf<typeof greet>, caller: Caller): Promise<{ text: string }> {
    if (request.name === 'nobody') throw new WatershedError('not_found', 'There is nobody to greet.');
    if (request.name === 'slow') await this.gate.pass();
    return { text: `hello ${request.name} x${request.times} from ${this.node.nodeId} to ${caller.services.join()}` };
  }

  @Get('/hello')
  async hello(): Promise<{ text: string }> {
    await this.gate.pass();
    return { text: 'hello' };
  }
}

@Module({})
class GreetModule {}
const greetModule = (gate: Gate): DynamicModule => ({
  module: GreetModule,
  controllers: [GreetController],
  providers: [{ provide: Gate, useValue: gate }],
});

// Every wait below has a deadline of its own; this one is for a machine that does much else meanwhile.
jest.setTimeout(30_000);

describe('an app on a node', () => {
  let redis: TestRedis;
  let dataDir: string;
  let index: MemoryIndex;
  let gate: Gate;
  let app: RunningApp;
  let caller: ClusterNode;
  let nodeOfApp: ClusterNode;
  let drained: string[];
  let leaks: ReturnType<typeof leakCheck>;

  beforeAll(() => {
    leaks = leakCheck();
  });
  afterAll(() => leaks.expectNothingLeft());

  const prepare = (
    service: 'toll' | 'gateway',
    logger: Logger = testLogger(),
    models?: () => readonly ServedModel[],
  ): Promise<ClusterNode> =>
    ClusterNode.prepare({
      env: {
        WATERSHED_CLUSTER_ID: redis.clusterId,
        WATERSHED_CLUSTER_NAME: 'test',
        WATERSHED_REGION: 'EU/FR',
        WATERSHED_DATA_DIR: dataDir,
        WATERSHED_REDIS_URL: redis.url,
      },
      services: [service],
      types: ['core'],
      ...(models ? { models } : {}),
      logger,
      metrics: createMetrics(service),
    });

  beforeEach(async () => {
    redis = await testRedis();
    dataDir = await mkdtemp(join(tmpdir(), 'watershed-node-'));
    await loadOrCreateSigil(join(dataDir, 'operator', 'sigil.json'), 'operator');
    index = new MemoryIndex({ heartbeatIntervalMs: 50, suspectAfterMs: 1_000 });
    gate = new Gate();
    drained = [];
    const node = await prepare('toll');
    nodeOfApp = node;
    app = await startNodeApp({
      name: 'toll',
      node,
      module: greetModule(gate),
      registry: createMetrics('toll').registry,
      http: { host: '127.0.0.1', port: 0 },
      joinWith: () => ({ index: index.port() }),
      onDrain: async () => {
        drained.push('drained');
      },
      onClose: async () => {
        drained.push('closed');
      },
    });
    caller = await prepare('gateway');
    await caller.join({ index: index.port() });
    // What the caller joined by now, the app's watch has been nudged about.
    await eventually(() => nodeOfApp.directory.get(caller.nodeId) !== undefined);
  });

  afterEach(async () => {
    gate.open();
    await app.close();
    await caller.close();
    await redis.close();
    await rm(dataDir, { recursive: true });
  });

  it('answers calls with what the request was parsed to and who asks, and declares the port it got', async () => {
    await expect(caller.bus.call(greet, { name: 'Ada' })).resolves.toEqual({
      text: `hello Ada x1 from ${app.nodeId} to gateway`,
    });
    const url = index.of(app.nodeId)?.manifest.url;
    expect(url).toBe(app.url);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
  });

  it.each(['http://10.0.0.7:4105', 'HTTP://node.example:4105'])(
    'joins by no address in plain text abroad: %s',
    async (url) => {
      const node = await prepare('toll');
      await expect(node.join({ url, index: index.port() })).rejects.toMatchObject({ code: 'manifest_invalid' });
      expect(index.of(node.nodeId)?.manifest.url).not.toBe(url);
      await node.close();
    },
  );

  it("lets a handler's refusal through Nest as it is", async () => {
    const error = await caller.bus.call(greet, { name: 'nobody' }).catch((caught: unknown) => caught);
    expect(isWatershedError(error, 'not_found')).toBe(true);
  });

  it('finishes HTTP requests and calls in flight when it drains, and refuses what comes then', async () => {
    const request = fetch(`${app.url}/hello`).then((response) => response.json());
    const call = caller.bus.call(greet, { name: 'slow' });
    await eventually(() => gate.waiting === 2);
    const draining = app.drain();
    await eventually(() => index.of(app.nodeId) !== undefined && app.ready?.() === false);
    await eventually(() => caller.directory.find('toll').length === 0);
    await expect(fetch(`${app.url}/hello`)).rejects.toThrow();
    expect(drained).toEqual([]);
    gate.open();
    await expect(request).resolves.toEqual({ text: 'hello' });
    await expect(call).resolves.toMatchObject({ text: expect.stringContaining('slow') });
    await draining;
    expect(index.of(app.nodeId)?.health).toBe('asleep');
    const refused = await caller.bus.call(greet, { name: 'x' }, { to: app.nodeId }).catch((caught: unknown) => caught);
    expect(isWatershedError(refused, 'shutting_down')).toBe(true);
    await app.close();
    expect(drained).toEqual(['drained', 'closed']);
  });

  it('ends a drain once what is in flight is answered, though connections that never asked anything stay open', async () => {
    const { hostname, port } = new URL(app.url ?? '');
    const ahead = connect(Number(port), hostname);
    await once(ahead, 'connect');
    const ended = once(ahead, 'close');
    const request = fetch(`${app.url}/hello`).then((response) => response.json());
    await eventually(() => gate.waiting === 1);
    const draining = app.drain();
    await eventually(() => caller.directory.find('toll').length === 0);
    gate.open();
    await expect(request).resolves.toEqual({ text: 'hello' });
    const answeredAt = performance.now();
    await Promise.all([draining, ended]);
    expect(performance.now() - answeredAt).toBeLessThan(3_000);
  });

  it('closes without a drain at once, whatever is open or in flight', async () => {
    const { hostname, port } = new URL(app.url ?? '');
    const ahead = connect(Number(port), hostname);
    await once(ahead, 'connect');
    const request = fetch(`${app.url}/hello`);
    const outcome = request.then(() => 'answered').catch(() => 'cut');
    await eventually(() => gate.waiting === 1);
    const startedAt = performance.now();
    await app.close();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await expect(outcome).resolves.toBe('cut');
  });

  it('keeps its key: the same node comes back', async () => {
    const { nodeId } = caller;
    await caller.close();
    caller = await prepare('gateway');
    expect(caller.nodeId).toBe(nodeId);
  });

  it('joins again however long the index was away and whatever it forgot', async () => {
    const logger = testLogger();
    const other = await prepare('gateway', logger);
    await caller.close();
    caller = other;
    await caller.join({ index: index.port() });
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now');
    try {
      index.forget(caller.nodeId);
      await eventually(() => !caller.joined);
      clock.mockImplementation(() => now() + 3_600_000);
      const asked = index.refusals;
      await eventually(() => index.refusals >= asked + 2, { timeoutMs: 10_000 });
      expect(caller.joined).toBe(false);
    } finally {
      clock.mockRestore();
    }
    index.comeBack();
    await eventually(() => caller.joined && index.of(caller.nodeId)?.health === 'alive');
    expect(logger.lines.filter(({ level }) => level >= 50)).toEqual([]);
  });

  it('is named in the lines of its log', async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line) };
    const logger = createLogger({ service: 'gateway', level: 'info', stream });
    await caller.close();
    caller = await prepare('gateway', logger);
    logger.info({ purses: 2 }, 'said after the key was read');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ service: 'gateway', nodeId: caller.nodeId, purses: 2 });
  });

  it('tells its load by heartbeat, and metrics of several apps stand beside each other', async () => {
    await eventually(() => nodeOfApp.directory.get(caller.nodeId)?.load?.capacity === 1_000);
    const [one, two] = [createMetrics('one'), createMetrics('two')];
    for (const metrics of [one, two]) metrics.counter('requests_total', 'Requests').inc(3);
    const text = await readMetrics([one.registry, two.registry, one.registry]);
    expect(text).toContain('watershed_requests_total{service="one"} 3');
    expect(text).toContain('watershed_requests_total{service="two"} 3');
  });

  it('says at once what it serves now, not with the next heartbeat', async () => {
    const served: ServedModel[] = [];
    index.heartbeatIntervalMs = 60_000;
    await caller.close();
    caller = await prepare('gateway', testLogger(), () => served);
    await caller.join({ index: index.port() });
    await eventually(() => nodeOfApp.directory.get(caller.nodeId)?.load !== undefined);
    served.push({ name: 'org/m', version: '1.0.0', digest: 'd'.repeat(64), ready: true });
    caller.beatSoon();
    await eventually(() => nodeOfApp.directory.get(caller.nodeId)?.models.length === 1);
  });

  it('closes what it opened when it cannot start', async () => {
    const node = await prepare('toll');
    let closed = false;
    const starting = startNodeApp({
      name: 'toll',
      node,
      module: greetModule(gate),
      registry: createMetrics('toll').registry,
      http: { host: '127.0.0.1', port: Number(new URL(app.url ?? '').port) },
      onClose: async () => {
        closed = true;
      },
    });
    await expect(starting).rejects.toThrow(/EADDRINUSE/);
    expect(closed).toBe(true);
    expect(node.bus.status).toBe('closed');
  });
});
