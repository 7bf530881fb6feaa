import { isObject, type JsonObject, readJson } from '#inference-protocol';
import type { LoadOverride } from '../repository/model-files.js';
import type { ModelRegistry } from '../repository/model-registry.js';
import { StatusError } from '../status-error.js';
import type { Exchange } from './exchange.js';

const notA = (kind: string) => new StatusError(500, `attempt to access JSON non-${kind} as ${kind}`);

/** The body as an object; an empty body, or JSON that is none, has no members. */
async function members(exchange: Exchange): Promise<JsonObject> {
  const body = await exchange.body();
  if (body.byteLength === 0) return new Map();
  const value = readJson(body);
  return isObject(value) ? value : new Map();
}

function flag(object: JsonObject, name: string): boolean {
  const value = object.get(name);
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw notA('boolean');
  return value;
}

/** `POST /v2/repository/index`. */
export async function listModels(exchange: Exchange, registry: ModelRegistry): Promise<void> {
  const readyOnly = flag(await members(exchange), 'ready');
  exchange.json(200, await registry.index(readyOnly));
}

/** `POST /v2/repository/models/{name}/load`, with `parameters.config` and `parameters["file:<path>"]`. */
export async function loadModel(exchange: Exchange, registry: ModelRegistry, name: string): Promise<void> {
  const override = readOverride((await members(exchange)).get('parameters'));
  await registry.load(name, override);
  exchange.empty(200);
}

function readOverride(parameters: ReturnType<JsonObject['get']>): LoadOverride {
  const files = new Map<string, Buffer>();
  if (parameters === undefined) return { files };
  if (!isObject(parameters)) throw new StatusError(500, 'attempt to get members for non-object');
  let config: string | undefined;
  for (const [name, value] of parameters) {
    if (typeof value !== 'string') throw notA('string');
    if (name === 'config') config = value;
    else if (name.startsWith('file:')) files.set(name.slice(5), Buffer.from(value, 'base64'));
    else throw new StatusError(500, `unknown load parameter '${name.slice(0, 100)}'`);
  }
  return { files, ...(config !== undefined && { config }) };
}

/**
 * `POST /v2/repository/models/{name}/unload`. `unload_dependents` is read and changes nothing, as there are no ensembles.
 * `kill`, which Triton does not know, ends the model's processes at once and fails what runs in them.
 */
export async function unloadModel(exchange: Exchange, registry: ModelRegistry, name: string): Promise<void> {
  const given = (await members(exchange)).get('parameters');
  const parameters = isObject(given) ? given : new Map();
  flag(parameters, 'unload_dependents');
  if (flag(parameters, 'kill')) await registry.kill(name);
  else await registry.unload(name);
  exchange.empty(200);
}
