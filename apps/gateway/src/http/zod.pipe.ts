import { type ArgumentMetadata, Body, Param, type PipeTransform, Query } from '@nestjs/common';
import type { z } from 'zod';
import { WatershedError } from '#errors';

/** Parses by a schema; throws `invalid_request` that names each member that is wrong and never repeats its value. */
export class ZodPipe<Schema extends z.ZodType> implements PipeTransform<unknown, z.output<Schema>> {
  constructor(private readonly schema: Schema) {}

  transform(value: unknown, { type }: ArgumentMetadata): z.output<Schema> {
    if (type === 'body' && value === undefined) {
      throw new WatershedError('malformed_body', 'The body is missing; send a JSON object.');
    }
    const parsed = this.schema.safeParse(value);
    if (!parsed.success) throw invalidRequest(parsed.error);
    const broken = halfCharacterIn(value);
    if (broken !== undefined) {
      const problem = `${broken || '(all)'}: holds half a surrogate pair, which is no character`;
      throw new WatershedError('invalid_request', `Correct this: ${problem}`, { details: { problems: [problem] } });
    }
    return parsed.data;
  }
}

/** Where half a surrogate pair stands: what stores or sends it as UTF-8 would put another character there in silence. */
function halfCharacterIn(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const broken = halfCharacterIn(member, path ? `${path}.${name}` : name);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

export function invalidRequest(error: z.ZodError): WatershedError {
  const problems = error.issues
    .slice(0, 20)
    .map(({ path, message }) => `${path.map(String).join('.') || '(all)'}: ${message}`);
  return new WatershedError('invalid_request', `Correct this: ${problems.join('; ')}`.slice(0, 2_000), {
    details: { problems },
  });
}

export const ZodBody = (schema: z.ZodType) => Body(new ZodPipe(schema));
export const ZodQuery = (schema: z.ZodType) => Query(new ZodPipe(schema));
export const ZodParam = (name: string, schema: z.ZodType) => Param(name, new ZodPipe(schema));
