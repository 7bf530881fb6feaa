import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { declaredModule } from '../gateway.module.js';
import { apiHeaders } from '../http/api-headers.js';
import { componentSchemas } from '../http/api-schema.js';
import { problemExamples } from '../http/problem.examples.js';

const tags: readonly (readonly [string, string])[] = [
  ['gateway', 'People, keys, tokens, the audit log, health'],
  ['compute', 'Inference, and where models are served'],
  ['registry', 'Models and their files'],
  ['toll', 'Prices, purses, money'],
  ['pod-host', 'Pods and what lies in them'],
  ['index', 'Nodes'],
  ['governance', 'Membership of nodes'],
  ['bridge', "The cluster's identity"],
];

const introduction = [
  'One cluster of Watershed. Sign up at `POST /v1/people`, then send `key.secret` of the answer as `X-API-Key` or as ' +
    '`Authorization: Bearer`. This document is at `GET /openapi.json`.',
  'Refusals: `application/problem+json` (RFC 9457). Match `code`, which is stable; docs/errors.md explains each. What may ' +
    'pass by itself has `retryAfterMs`, and `Retry-After` in seconds.',
  'Bodies: JSON in UTF-8 as `application/json`, and `{}` where nothing need be said. One that is too large is refused ' +
    'with `body_too_large`, whose `details.maxBytes` is the limit.',
  'Lists: send `nextCursor` of a page as `cursor` for the next; the last page has none.',
  'Money: `…Micro` is a decimal integer in a text, in millionths of `asset`.',
  'Limits: a person has `RateLimit-Limit` requests a window for all their keys and tokens together, and who is not known ' +
    'yet has one by address.',
].join('\n\n');

/** The published contract, from the controllers and their schemas. Nothing is started for it: no port, no database. */
export async function contractDocument(): Promise<OpenAPIObject> {
  const app = await NestFactory.create(declaredModule(), new FastifyAdapter({ skipMiddie: true }), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Watershed gateway')
    .setDescription(introduction)
    .setVersion('1.0.0')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key, `wsk_…`' }, 'api-key')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', description: 'An API key, or a token from POST /v1/token' },
      'bearer',
    );
  for (const [name, description] of tags) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build(), { autoTagControllers: false });
  await app.close();
  const responses = sharedRefusals(document.paths);
  return {
    ...document,
    paths: readersOrder(document.paths),
    components: {
      ...document.components,
      schemas: componentSchemas(),
      headers: apiHeaders(),
      responses,
      examples: problemExamples(),
    },
  };
}

/** The file's text: stable, so that a change of the contract is a change of lines that speak of it. */
export async function contractText(): Promise<string> {
  return `${JSON.stringify(await contractDocument(), null, 2)}\n`;
}

type Components = NonNullable<OpenAPIObject['components']>;

/**
 * Moves refusals that several operations have, word for word, to `components.responses`, and says where they are. Named by
 * status and codes, so that a name means the same for as long as it is there.
 */
function sharedRefusals(paths: OpenAPIObject['paths']): Components['responses'] {
  const operations = Object.values(paths).flatMap((item) =>
    [item.get, item.put, item.post, item.patch, item.delete].flatMap((each) => (each ? [each] : [])),
  );
  const uses = new Map<string, number>();
  const refusals = operations.flatMap(({ responses }) =>
    Object.entries(responses).flatMap(([status, response]) => {
      if (Number(status) < 400 || !response || '$ref' in response) return [];
      const text = JSON.stringify(response);
      uses.set(text, (uses.get(text) ?? 0) + 1);
      return [{ responses, status, response, text }];
    }),
  );
  const shared = new Map<string, NonNullable<Components['responses']>[string]>();
  for (const { responses, status, response, text } of refusals) {
    if ((uses.get(text) ?? 0) < 2) continue;
    const codes = [...response.description.matchAll(/`(\w+)`/g)].map(([, code]) => code);
    const counted = 'RateLimit-Limit' in (response.headers ?? {}) ? '' : '-uncounted';
    const name = `${status}${counted}-${codes.join('.')}`;
    shared.set(name, response);
    responses[status] = { $ref: `#/components/responses/${name}` };
  }
  return Object.fromEntries([...shared].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** By path, but what a person came for before what balancers and other servers ask. */
function readersOrder<Value>(paths: Record<string, Value>): Record<string, Value> {
  const rank = (path: string) => (path.startsWith('/v') ? 0 : 1);
  return Object.fromEntries(
    Object.entries(paths).sort(([one], [other]) => rank(one) - rank(other) || (one < other ? -1 : 1)),
  );
}
