import { Controller, Inject } from '@nestjs/common';
import type { z } from 'zod';
import { BusHandler, type Caller } from '#bus';
import { type ParsedRequestOf, type refusal, runnerReserve } from '#contracts';
import type { WireError } from '#errors';
import { InferenceDesk } from './engine/inference-desk.js';

@Controller()
export class InferenceController {
  constructor(@Inject(InferenceDesk) private readonly desk: InferenceDesk) {}

  @BusHandler(runnerReserve)
  async reserve(request: ParsedRequestOf<typeof runnerReserve>, caller: Caller) {
    const items = await this.desk.reserve(request, caller.nodeId);
    return { items: items.map((item) => ('refusal' in item ? { refusal: refusalOf(item.refusal) } : item)) };
  }
}

/** A refusal in the contract's form. */
export function refusalOf({ code, message, details, retryAfterMs }: WireError): z.input<typeof refusal> {
  const plain: Record<string, string | number | boolean | null | string[]> = {};
  for (const [name, value] of Object.entries(details ?? {}))
    plain[name] = typeof value === 'object' ? listOf(value) : value;
  return {
    code,
    message,
    ...(details ? { details: plain } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

const listOf = (value: readonly string[] | null): string[] | null => (value === null ? null : [...value]);
