import { z } from 'zod';
import { amountMicro, asset, modelName, region, semver, sha256, thumbprint, uuid } from '#contracts';

/**
 * Names of the schemas that the published contract lists. The schemas are module constants as all of ours are; this
 * only says under which name each appears.
 */
const registry = z.registry<{ id: string }>();
const requests = new Set<string>();

/** A response or a part of one: documented as we send it, defaults filled in. */
export function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  registry.add(schema, { id });
  return schema;
}

/** A request body: documented as it may be sent, members with a default left out. */
export function namedRequest<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  requests.add(id);
  return named(id, schema);
}

export const refOf = (id: string): string => `#/components/schemas/${id}`;

export function nameOf(schema: z.ZodType): string {
  const id = registry.get(schema)?.id;
  if (!id) throw new Error('a schema of the contract has no name');
  return id;
}

/** All named schemas as JSON Schema 2020-12, which is what OpenAPI 3.1 takes. */
export function componentSchemas(): Record<string, object> {
  const options = { target: 'draft-2020-12', uri: refOf, unrepresentable: 'any' } as const;
  const sent = z.toJSONSchema(registry, { ...options, io: 'output' }).schemas;
  const taken = z.toJSONSchema(registry, { ...options, io: 'input' }).schemas;
  const names = Object.keys(sent).sort();
  return Object.fromEntries(names.map((id) => [id, withoutEnvelope((requests.has(id) ? taken[id] : sent[id]) ?? {})]));
}

const patternOf = (schema: z.ZodType): unknown => (z.toJSONSchema(schema) as { pattern?: unknown }).pattern;

/** What a reader is shown for a text of a known form; made up from its pattern it would be noise. */
const examplesByPattern: ReadonlyMap<unknown, string> = new Map([
  [patternOf(modelName), 'watershed/language-id'],
  [patternOf(semver), '1.0.0'],
  [patternOf(uuid), '019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa'],
  [patternOf(thumbprint), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'],
  [patternOf(sha256), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  [patternOf(region), 'EU/FR'],
  [patternOf(amountMicro), '1200'],
  [patternOf(asset), 'drop'],
]);

/** `$schema` and `$id` belong to a document of its own. */
function withoutEnvelope(schema: object): object {
  const { $schema: _schema, $id: _id, ...rest } = schema as Record<string, unknown>;
  return asPublished(rest) as object;
}

/** What a text of a known form says, where the schema does not. */
const descriptionsByPattern: ReadonlyMap<unknown, string> = new Map([
  [patternOf(amountMicro), 'Millionths of the asset, as a decimal integer'],
  [patternOf(asset), 'What amounts are counted in'],
]);

/** Integers lose the bounds that only say "safe in JSON"; texts of a known form gain an example, and a time keeps its format alone. */
function asPublished(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asPublished);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([name, each]) =>
      each !== Number.MAX_SAFE_INTEGER &&
      each !== Number.MIN_SAFE_INTEGER &&
      !(name === 'pattern' && 'format' in value && value.format === 'date-time'),
  );
  const pattern = 'pattern' in value ? value.pattern : undefined;
  const example = examplesByPattern.get(pattern);
  const description = descriptionsByPattern.get(pattern);
  return {
    ...(description === undefined ? {} : { description }),
    ...Object.fromEntries(entries.map(([name, each]) => [name, asPublished(each)])),
    ...(example === undefined ? {} : { examples: [example] }),
  };
}
