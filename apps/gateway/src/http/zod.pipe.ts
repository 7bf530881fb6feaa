import { type ArgumentMetadata, Body, Param, type PipeTransform, Query } from '@nestjs/common';
import type { z } from 'zod';
import { type ErrorCode, WatershedError } from '#errors';

/** Members whose content is refused by a code of its own; one that is missing or of another type stays `invalid_request`. */
export type MemberCodes = Readonly<Record<string, ErrorCode>>;

/** Parses by a schema; throws `invalid_request` that names each member that is wrong and never repeats its value. */
export class ZodPipe<Schema extends z.ZodType> implements PipeTransform<unknown, z.output<Schema>> {
  constructor(
    private readonly schema: Schema,
    private readonly codes: MemberCodes = {},
  ) {}

  transform(value: unknown, { type }: ArgumentMetadata): z.output<Schema> {
    if (type === 'body' && value === undefined) {
      throw new WatershedError('malformed_body', 'The body is missing; send a JSON object.');
    }
    const parsed = this.schema.safeParse(value);
    if (!parsed.success) throw invalidRequest(parsed.error, this.codes);
    const broken = halfCharacterIn(value);
    if (broken !== undefined) {
      const problem = `${broken || '(all)'}: holds half a surrogate pair, which is no character`;
      throw refused(this.codes[broken], [problem]);
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

export function invalidRequest(error: z.ZodError, codes: MemberCodes = {}): WatershedError {
  const issues = error.issues.slice(0, 20);
  const problems = issues.map(({ path, message }) => `${path.map(String).join('.') || '(all)'}: ${message}`);
  const own = issues.map(({ path, code }) => (code === 'invalid_type' ? undefined : codes[path.map(String).join('.')]));
  // Where anything else is wrong too, the one code that covers all of it.
  return refused(new Set(own).size === 1 ? own[0] : undefined, problems);
}

function refused(code: ErrorCode | undefined, problems: string[]): WatershedError {
  return new WatershedError(code ?? 'invalid_request', `Correct this: ${problems.join('; ')}`.slice(0, 2_000), {
    details: { problems },
  });
}

/** Whatever stands in a cursor's place and is none of ours is refused as one. */
const queryCodes: MemberCodes = { cursor: 'cursor_invalid' };

export const ZodBody = (schema: z.ZodType, codes?: MemberCodes) => Body(new ZodPipe(schema, codes));
export const ZodQuery = (schema: z.ZodType) => Query(new ZodPipe(schema, queryCodes));
export const ZodParam = (name: string, schema: z.ZodType) => Param(name, new ZodPipe(schema));
