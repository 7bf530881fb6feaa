import { basename } from 'node:path';
import type { Command } from 'commander';
import { type ModelVersion, modelName, type Placement, semver } from '#contracts';
import { type Api, CommandError } from './api.js';
import { microOf, printTable } from './output.js';
import { type ModelDescription, publishModel, readModelFolder, untilServed } from './publish-model.js';

const say = (line: string) => process.stderr.write(`${line}\n`);

const checkedName = (name: string): string => {
  if (modelName.safeParse(name).success) return name;
  throw new CommandError(
    `"${name}" is no model name: organisation/model, in lower-case letters, digits and single - . _ between them.`,
  );
};

export function addModelCommands(program: Command, api: () => Api): void {
  const models = program.command('models').description('bring, list, place and withdraw models');

  models
    .command('list')
    .description('the versions that are distributed, and where they are served')
    .action(async () => {
      const versions = await api().all<ModelVersion>('/v1/models');
      const places = await api().all<Placement>('/v1/placements');
      printTable(
        ['model', 'version', 'review', 'served by', 'licence', 'size'],
        versions.map(({ name, version, review, manifest }) => [
          name,
          version,
          review,
          places
            .filter((place) => place.model === name && place.version === version && place.wanted === 'loaded')
            .map((place) => `${place.nodeId.slice(0, 8)}… ${place.state}`)
            .join(', ') || '-',
          manifest.licence,
          `${(manifest.blob.sizeBytes / 2 ** 20).toFixed(1)} MB`,
        ]),
      );
    });

  models
    .command('add')
    .description('bring an ONNX model of your own; people can infer on it when this returns')
    .argument('<file>', 'the ONNX file')
    .requiredOption('--name <org/model>', 'its name')
    .requiredOption('--licence <id>', 'its licence, as an SPDX identifier where it has one')
    .option('--model-version <semver>', 'its version', '1.0.0')
    .option('--purpose <text>', 'what it is for', 'unspecified')
    .option('--description <text>', 'a longer description')
    .option('--max-batch-size <n>', 'the largest batch, where the first dimension of all tensors is one')
    .action(async (file: string, options: Record<string, string | undefined>) => {
      const version = options.modelVersion ?? '1.0.0';
      if (!semver.safeParse(version).success) throw new CommandError(`"${version}" is no semantic version.`);
      const batch = options.maxBatchSize === undefined ? undefined : Number(options.maxBatchSize);
      if (batch !== undefined && !Number.isInteger(batch))
        throw new CommandError('--max-batch-size takes a whole number.');
      const description: ModelDescription = {
        name: checkedName(options.name ?? ''),
        version,
        licence: options.licence ?? '',
        purpose: options.purpose ?? 'unspecified',
        ...(options.description ? { description: options.description } : {}),
        ...(batch === undefined ? {} : { maxBatchSize: batch }),
      };
      const made = await publishModel(api(), file, description, say);
      await untilServed(api(), made.name, made.version, 300_000);
      console.log(`${basename(file)} is served as ${made.name} ${made.version}.`);
      console.log(`Ask it: POST /v2/models/${made.name.replace('/', '--')}/infer`);
    });

  models
    .command('ensure')
    .description('bring the model of a folder (manifest.json, model.onnx) where it is not there yet, and wait for it')
    .argument('<folder>')
    .action(async (folder: string) => {
      const { description, file } = readModelFolder(folder);
      const known = await api()
        .request<ModelVersion>(
          'GET',
          `/v1/models/${description.name}?version=${encodeURIComponent(description.version)}`,
        )
        .catch((error: unknown) => {
          if (error instanceof CommandError && error.status === 404) return undefined;
          throw error;
        });
      // What an operator has withdrawn or displaced stays away: only a model never seen is brought in.
      if (known === undefined)
        await publishModel(api(), file, description, say).catch((error: unknown) => {
          if (!(error instanceof CommandError) || error.code !== 'withdrawn') throw error;
        });
      const wanted = (await api().all<Placement>(`/v1/placements?model=${encodeURIComponent(description.name)}`)).some(
        (place) => place.wanted === 'loaded' && place.version === description.version,
      );
      if (wanted) await untilServed(api(), description.name, description.version, 120_000);
    });

  models
    .command('place')
    .description('have a model loaded on a node, or wherever there is room')
    .argument('<org/model>')
    .option('--model-version <semver>')
    .option('--node <id>')
    .action(async (name: string, options: { modelVersion?: string; node?: string }) => {
      const { placements } = await api().request<{ placements: Placement[] }>('POST', '/v1/placements', {
        json: {
          model: checkedName(name),
          ...(options.modelVersion ? { version: options.modelVersion } : {}),
          ...(options.node ? { nodeId: options.node } : {}),
        },
      });
      for (const place of placements) {
        await untilServed(api(), place.model, place.version, 300_000);
        console.log(`${place.model} ${place.version} is served by ${place.nodeId}`);
      }
    });

  models
    .command('displace')
    .description('have a model unloaded')
    .argument('<org/model>')
    .option('--model-version <semver>')
    .option('--node <id>')
    .action(async (name: string, options: { modelVersion?: string; node?: string }) => {
      const query = new URLSearchParams({
        model: checkedName(name),
        ...(options.modelVersion ? { version: options.modelVersion } : {}),
        ...(options.node ? { nodeId: options.node } : {}),
      });
      await api().request('DELETE', `/v1/placements?${query}`);
      console.log(`${name} is being unloaded.`);
    });

  models
    .command('withdraw')
    .description('take a version back: it is unloaded everywhere and no longer distributed')
    .argument('<org/model>')
    .argument('<version>')
    .action(async (name: string, version: string) => {
      await api().request('POST', `/v1/models/${checkedName(name)}/${encodeURIComponent(version)}/review`, {
        json: { review: 'withdrawn' },
      });
      console.log(`${name} ${version} is withdrawn.`);
    });

  models
    .command('price')
    .description('set what a model costs: drops a request, and drops for each KiB of input begun')
    .argument('<org/model>')
    .argument('<base>')
    .argument('<perKib>')
    .action(async (name: string, base: string, perKib: string) => {
      const baseMicro = microOf(base);
      const perKibMicro = microOf(perKib);
      if (baseMicro === undefined || perKibMicro === undefined)
        throw new CommandError('Amounts are in drops with at most six decimals, as 0.0001.');
      await api().request('PUT', `/v1/prices/${checkedName(name)}`, { json: { baseMicro, perKibMicro } });
      console.log(`${name} now costs ${base} drops a request and ${perKib} a KiB.`);
    });
}
