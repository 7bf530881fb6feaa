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
    if (parsed.success) return parsed.data;
    throw invalidRequest(parsed.error);
  }
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
