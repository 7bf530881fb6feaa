import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { declaredModule } from '../gateway.module.js';
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
    .setDescription(
      'One cluster of Watershed. Sign up at `POST /v1/people`, send the key as `X-API-Key` or `Authorization: Bearer`. ' +
        'Every refusal is a problem (RFC 9457) with a stable `code`; docs/errors.md lists them.',
    )
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
  return {
    ...document,
    paths: readersOrder(document.paths),
    components: { ...document.components, schemas: componentSchemas(), examples: problemExamples() },
  };
}

/** The file's text: stable, so that a change of the contract is a change of lines that speak of it. */
export async function contractText(): Promise<string> {
  return `${JSON.stringify(await contractDocument(), null, 2)}\n`;
}

/** By path, but what a person came for before what balancers and other servers ask. */
function readersOrder<Value>(paths: Record<string, Value>): Record<string, Value> {
  const rank = (path: string) => (path.startsWith('/v') ? 0 : 1);
  return Object.fromEntries(
    Object.entries(paths).sort(([one], [other]) => rank(one) - rank(other) || (one < other ? -1 : 1)),
  );
}
