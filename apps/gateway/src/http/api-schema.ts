import { z } from 'zod';

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

/** `$schema` and `$id` belong to a document of its own; integers lose the bounds that only say "safe in JSON". */
function withoutEnvelope(schema: object): object {
  const { $schema: _schema, $id: _id, ...rest } = schema as Record<string, unknown>;
  return withoutSafeBounds(rest) as object;
}

function withoutSafeBounds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSafeBounds);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([, each]) => each !== Number.MAX_SAFE_INTEGER && each !== Number.MIN_SAFE_INTEGER,
  );
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutSafeBounds(each)]));
}
