import { readFile } from 'node:fs/promises';
import { repositoryName, tritonConfigJsonOf, tritonConfigOf } from '#model-repository';
import type { Logger } from '#telemetry';
import type { RunnerConfig } from '../config.js';
import type { HostedVersion, ModelHost } from '../model/engine/model.ports.js';
import { InlineModelHost, RepositoryModelHost } from '../model/repository-model-host.adapter.js';
import { EmbeddedModelServer } from './embedded-model-server.supervisor.js';
import type { ModelServer, ModelServerSupervisor } from './model-server.port.js';
import { modelServerMain } from './model-server-main.js';
import { NamedTriton } from './named-triton.supervisor.js';
import type { StallWatch } from './stall-watch.js';
import { StartedTriton } from './started-triton.supervisor.js';
import { TritonModelServer } from './triton-model-server.adapter.js';

export interface ModelServerParts {
  readonly supervisor: ModelServerSupervisor;
  readonly server: ModelServer;
  readonly host: ModelHost;
}

const startTimeoutMs = 15_000;
const stopGraceMs = 5_000;

/** The model server that the settings name, and how models get before it. */
export async function openModelServer(
  config: RunnerConfig,
  logger: Logger,
  steps: StallWatch,
): Promise<ModelServerParts> {
  const supervisor = supervisorOf(config, logger);
  const server = new TritonModelServer({
    supervisor,
    connections: config.connections,
    controlTimeoutMs: config.controlTimeoutMs,
    maxAnswerBytes: config.maxAnswerBytes,
    traced: config.collector !== undefined,
    steps,
  });
  const options = { server, supervisor, servedName: repositoryName, loadTimeoutMs: config.loadTimeoutMs };
  if (config.triton && !config.triton.modelDir) {
    const json = (versions: readonly HostedVersion[]) => tritonConfigJsonOf(newest(versions).model.manifest);
    return { supervisor, server, host: new InlineModelHost(options, config.inlineModelBytes, json, readFile) };
  }
  // Left to itself Triton runs two processes of every model on the processor; the manifest's figure is for one.
  const instances = config.tritonInstallation === undefined ? '' : 'instance_group { count: 1 kind: KIND_CPU }\n';
  const text = (versions: readonly HostedVersion[]) => tritonConfigOf(newest(versions).model.manifest) + instances;
  const host = new RepositoryModelHost(
    options,
    config.triton?.modelDir ?? config.modelFolder,
    text,
    config.triton !== undefined,
  );
  // A named Triton's folder may hold the operator's own models; what a server that we start reads is all ours.
  if (!config.triton) {
    // Where an earlier run served models they are wished for again in a moment, and a server takes long to start.
    const served = await host.clean();
    if (served)
      supervisor.ensure().catch((error: unknown) => logger.warn({ err: error }, 'the model server did not start'));
  }
  return { supervisor, server, host };
}

function supervisorOf(config: RunnerConfig, logger: Logger): ModelServerSupervisor {
  if (config.triton) return new NamedTriton(config.triton.url, config.triton.metricsUrl);
  const own = { modelRepository: config.modelFolder, startTimeoutMs, stopGraceMs, logger };
  if (config.tritonInstallation === undefined)
    return new EmbeddedModelServer({
      ...own,
      mainFile: modelServerMain(),
      unloadTimeoutMs: config.inferTimeoutMs,
      collector: config.collector,
    });
  return new StartedTriton({ ...own, installationFolder: config.tritonInstallation, folder: config.tritonFolder });
}

/** One configuration stands for all versions of a model; those with other tensors are refused when they are compared. */
function newest(versions: readonly HostedVersion[]): HostedVersion {
  const [first, ...rest] = versions;
  if (!first) throw new TypeError('a model without versions has no configuration');
  return rest.reduce((best, one) => (one.model.serial > best.model.serial ? one : best), first);
}
