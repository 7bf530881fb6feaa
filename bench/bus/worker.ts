import 'reflect-metadata';
import { Controller, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, type RedisOptions, Transport } from '@nestjs/microservices';
import { Registry } from 'prom-client';
import { lastValueFrom } from 'rxjs';
import { Bus, BusHandler, type BusLogger, type NodeDirectory } from '#bus';
import { redisPlace } from '#config';
import type { NodeEntry, ParsedRequestOf, ServiceName } from '#contracts';
import { benchCall, benchRequest, type FromWorker, type ToWorker, type WorkerRole } from './worker.protocol.js';

type Request = ParsedRequestOf<typeof benchCall>;

@Controller()
class OurCallee {
  @BusHandler(benchCall)
  async echo(request: Request): Promise<{ id: string; text: string }> {
    return { id: request.id, text: request.text };
  }
}

@Controller()
class BareCallee {
  @MessagePattern(benchCall.name)
  async echo(request: Request): Promise<{ id: string; text: string }> {
    return { id: request.id, text: request.text };
  }
}

@Module({ controllers: [OurCallee] })
class OurModule {}

@Module({ controllers: [BareCallee] })
class BareModule {}

const quiet: BusLogger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => console.error(message, fields),
};

function directoryOf(role: WorkerRole): NodeDirectory {
  const now = new Date().toISOString();
  const entryOf = (nodeId: string, service: ServiceName): NodeEntry => ({
    nodeId,
    health: 'alive',
    membership: 'admitted',
    models: [],
    joinedAt: now,
    lastSeenAt: now,
    manifest: {
      type: 'watershed/node-manifest',
      nodeId,
      clusterId: role.clusterId,
      region: 'EU',
      types: ['core'],
      services: [service],
      key: { kty: 'OKP', crv: 'Ed25519', x: nodeId },
      purposeKeys: [],
      operatorId: nodeId,
      capabilities: {},
      issuedAt: now,
      signatures: [{ protected: '', signature: '' }],
    },
  });
  const callee = entryOf(role.calleeId, 'toll');
  const callers = new Map(role.callerIds.map((id) => [id, entryOf(id, 'gateway')]));
  return { find: () => [callee], get: (id) => (id === role.calleeId ? callee : callers.get(id)) };
}

type Call = () => Promise<unknown>;

async function startOurs(role: WorkerRole): Promise<Call> {
  const bus = await Bus.connect({
    redisUrl: role.redisUrl,
    identity: {
      clusterId: role.clusterId,
      nodeId: role.nodeId,
      services: [role.role === 'callee' ? 'toll' : 'gateway'],
    },
    directory: directoryOf(role),
    logger: quiet,
    metrics: { registry: new Registry() },
  });
  if (role.role === 'callee') {
    const app = await NestFactory.createMicroservice(OurModule, { strategy: bus.server, logger: false });
    await app.listen();
  }
  return () => bus.call(benchCall, benchRequest);
}

async function startBare(role: WorkerRole): Promise<Call> {
  const options: Required<RedisOptions>['options'] = redisPlace(role.redisUrl);
  if (role.role === 'callee') {
    const app = await NestFactory.createMicroservice(BareModule, {
      transport: Transport.REDIS,
      options,
      logger: false,
    });
    await app.listen();
    return async () => undefined;
  }
  const client = ClientProxyFactory.create({ transport: Transport.REDIS, options });
  await client.connect();
  return () => lastValueFrom(client.send(benchCall.name, benchRequest));
}

async function drive(
  call: Call,
  inFlight: number,
  ms: number,
): Promise<{ calls: number; errors: number; elapsedMs: number }> {
  let calls = 0;
  let errors = 0;
  const startedAt = performance.now();
  const until = startedAt + ms;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      try {
        await call();
        calls += 1;
      } catch (error) {
        if (errors === 0) console.error(error);
        errors += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { calls, errors, elapsedMs: performance.now() - startedAt };
}

const say = (message: FromWorker): void => {
  process.send?.(message);
};

// Nest's client prints a line for every reply that is another caller's; the peer is measured without that.
Logger.overrideLogger(false);
const role = JSON.parse(process.argv[2] ?? '{}') as WorkerRole;
const call = await (role.kind === 'ours' ? startOurs(role) : startBare(role));
process.on('message', (message: ToWorker) => {
  if ('end' in message) process.exit(0);
  void drive(call, message.run.inFlight, message.run.ms).then((done) => say({ done }));
});
process.on('disconnect', () => process.exit(0));
say({ ready: true });
