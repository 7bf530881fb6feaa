import { Controller, Post, Req, Res } from '@nestjs/common';
import { z } from 'zod';
import { amountMicro, asset, modelName, semver, uuid } from '#contracts';
import { WatershedError } from '#errors';
import type { Principal } from '../auth/engine/principal.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named, namedRequest } from '../http/api-schema.js';
import { policyRequest } from '../http/contract.schemas.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ZodBody } from '../http/zod.pipe.js';
import { type Answer, sendAnswer } from '../once/once.js';
import type { InferenceOutcome } from './engine/inference-engine.js';
import { InferenceService } from './inference.service.js';

const inferBody = namedRequest(
  'InferText',
  z.strictObject({
    model: modelName,
    version: semver.optional(),
    text: z.string().min(1).max(1_000_000).describe('A model may take less: `text_invalid` says how many bytes'),
    policy: policyRequest.optional().describe('Narrows my default policy for this request; it can never widen it'),
  }),
);

const label = z.object({ label: z.string(), probability: z.number() });

const inferAnswer = named(
  'InferTextAnswer',
  z.object({
    model: modelName,
    version: semver,
    labels: z.array(label).describe('Most probable first'),
    cost: z.object({ amountMicro, asset }),
    usageId: uuid,
  }),
);

@Controller('v1')
export class InferController {
  constructor(private readonly service: InferenceService) {}

  @Post('infer')
  @ApiRoute({
    tag: 'compute',
    id: 'inferText',
    summary: 'Ask a model about a text',
    description:
      'Costs what `POST /v1/prices/quote` says. The usage is durable before the answer leaves; whoever hangs up is charged for what ran.',
    access: { scope: 'infer' },
    status: 200,
    once: true,
    body: {
      schema: inferBody,
      example: { model: 'watershed/language-id', text: 'Ogni persona ha diritto alla libertà.' },
    },
    response: inferAnswer,
    answerHeaders: ['Watershed-Cost-Micro'],
    errors: [
      'model_unknown',
      'model_not_ready',
      'text_invalid',
      'purse_empty',
      'policy_forbids',
      'policy_invalid',
      'region_unknown',
      'model_crashed',
      'inference_failed',
      'overloaded',
      'deadline_exceeded',
      'malformed_body',
      'body_too_large',
    ],
  })
  async infer(
    @Who() who: Principal,
    @ZodBody(inferBody, { text: 'text_invalid' }) body: z.output<typeof inferBody>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { model, version, text, policy } = body;
    const inference = {
      model,
      version,
      policy,
      form: 'text' as const,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify({ text })),
      inputBytes: Buffer.byteLength(text),
    };
    sendAnswer(
      reply,
      await this.service.infer(who, request, reply, inference, (outcome, usageId) => rendered(model, outcome, usageId)),
    );
  }
}

interface Labelled {
  readonly version?: unknown;
  readonly labels: readonly z.output<typeof label>[];
}

/** Checked by hand: a schema over every label of every answer cost more than the rest of the route. */
function isLabelled(value: unknown): value is Labelled {
  if (typeof value !== 'object' || value === null || !('labels' in value) || !Array.isArray(value.labels)) return false;
  return value.labels.every(
    (each: unknown) =>
      typeof each === 'object' &&
      each !== null &&
      'label' in each &&
      typeof each.label === 'string' &&
      'probability' in each &&
      typeof each.probability === 'number',
  );
}

function rendered(model: string, outcome: InferenceOutcome, usageId: string): Answer {
  const { answer, runner, amountMicro: cost, asset: unit } = outcome;
  const value: unknown = parsed(answer.body);
  if (!isLabelled(value)) {
    throw new WatershedError('inference_failed', 'The runner answered in a form that is not an answer to a text.');
  }
  const version = typeof value.version === 'string' ? value.version : runner.version;
  const { labels } = value;
  return {
    status: 200,
    body: { model, version, labels, cost: { amountMicro: cost.toString(), asset: unit }, usageId },
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined; // refused by the check that follows
  }
}
