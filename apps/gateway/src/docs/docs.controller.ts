import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { WatershedError } from '#errors';
import { Open } from '../auth/access.decorators.js';
import type { FastifyReply } from '../http/request.js';

/** The published contract, a test holds it to the code. Found from the folder of sources and from the built one. */
const contractNames = ['openapi/gateway.json', '../openapi/gateway.json'];
const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Watershed gateway</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const start = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
});
`;

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'";

/**
 * Swagger UI over the contract. Both are files that are streamed when asked for: a cluster whose documentation nobody
 * opens holds none of it in memory.
 */
@ApiExcludeController()
@Controller()
export class DocsController {
  @Get('docs')
  @Open()
  page(@Res() reply: FastifyReply): void {
    reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(page);
  }

  @Get('docs/start.js')
  @Open('none')
  start(@Res() reply: FastifyReply): void {
    reply.type('text/javascript; charset=utf-8').send(start);
  }

  @Get('docs/assets/:name')
  @Open('none')
  asset(@Param('name') name: string, @Res() reply: FastifyReply): void {
    const type = Object.hasOwn(assets, name) ? assets[name] : undefined;
    if (!type) throw new WatershedError('not_found', 'Nothing is here.');
    const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
    reply
      .header('cache-control', 'public, max-age=86400')
      .type(type)
      .send(createReadStream(join(folder, name)));
  }

  @Get('openapi.json')
  @Open()
  async contract(@Res() reply: FastifyReply): Promise<void> {
    const text = await contractText();
    reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').send(text);
  }
}

async function contractText(): Promise<string> {
  const root = join(dirname(new URL(import.meta.url).pathname), '../../../..');
  for (const name of contractNames) {
    const text = await readFile(join(root, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  throw new WatershedError('not_found', 'The contract is not part of this installation.');
}
