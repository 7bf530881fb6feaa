import { type DataLocationPolicy } from '#contracts';
import { narrow } from '#policy';
import type { Principal } from '../auth/engine/principal.js';
import type { Drain } from '../http/drain.js';
import type { FastifyReply, FastifyRequest } from '../http/request.js';
import { type Answer, type Once, onceRequestOf } from '../once/once.js';
import { knownPolicy } from '../people/known-policy.js';
import type { InferenceEngine, InferenceOutcome } from './engine/inference-engine.js';
import { routeHeader } from './engine/route-header.js';

export interface Inference {
  readonly model: string;
  readonly version?: string;
  readonly form: 'tensors' | 'text';
  readonly contentType: string;
  readonly headerLength?: string;
  readonly body: Uint8Array;
  readonly inputBytes: number;
  /** The request's own policy; the effective one is the narrowest. */
  readonly policy?: DataLocationPolicy;
}

/** An inference for an authenticated person, once if they ask so. */
export class InferenceService {
  constructor(
    private readonly parts: { readonly engine: InferenceEngine; readonly once: Once; readonly drain: Drain },
  ) {}

  infer(
    who: Principal,
    request: FastifyRequest,
    reply: FastifyReply,
    inference: Inference,
    render: (outcome: InferenceOutcome, usageId: string) => Answer,
  ): Promise<Answer & { replayed?: boolean }> {
    const policy = inference.policy ? narrow(who.policy, knownPolicy(inference.policy)) : who.policy;
    const once = onceRequestOf(request);
    const effect = async (usageId: string): Promise<Answer> => {
      // Counted apart from the request: who hangs up ends the request, not what runs and must be metered.
      this.parts.drain.enter();
      try {
        // Field by field: what is added to a spread object costs more than all else here.
        const { model, version, form, contentType, headerLength, body, inputBytes } = inference;
        const outcome = await this.parts.engine.infer({
          model,
          version,
          form,
          contentType,
          headerLength,
          body,
          inputBytes,
          personId: who.personId,
          homeRegion: who.homeRegion,
          policy,
          usageId,
          repeatable: once !== undefined,
          gone: () => reply.raw.destroyed,
        });
        const { status, body: answer, contentType: type, headers } = render(outcome, usageId);
        return { status, body: answer, contentType: type, headers: headersOf(model, outcome, headers) };
      } finally {
        this.parts.drain.leave();
      }
    };
    return this.parts.once.remote(once, effect, who.personId);
  }
}

function headersOf(
  model: string,
  { runner, attempts, amountMicro }: InferenceOutcome,
  more: Answer['headers'],
): Record<string, string> {
  const { nodeId, region, version } = runner;
  return {
    'watershed-route': routeHeader({ nodeId, region, model, version, attempts }),
    'watershed-cost-micro': amountMicro.toString(),
    ...more,
  };
}
