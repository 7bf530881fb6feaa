// The least that keeps the promise "the usage is durable before the answer leaves": one process, one row inserted beside
// the model server's answer, and none of a key, a limit, a policy, a budget, a choice of node, a ledger. Prints its port.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Pool } from 'undici';
import { uuidv7 } from 'uuidv7';
import { modelBody, modelPath } from './model-request.js';

const [modelUrl = ''] = process.argv.slice(2);
const model = new Pool(modelUrl, { connections: 4 });
const database = new pg.Pool({ connectionString: process.env.BARE_PROXY_DATABASE_URL, max: 4 });
await database.query('CREATE TABLE usage (id uuid PRIMARY KEY, bytes integer NOT NULL, at timestamptz NOT NULL)');

async function answered(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { text } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { text: string };
  const headers = { 'content-type': 'application/json' };
  const [answer] = await Promise.all([
    model
      .request({ path: modelPath, method: 'POST', headers, body: modelBody(text) })
      .then(async (response) => Buffer.from(await response.body.arrayBuffer())),
    database.query({
      name: 'usage',
      text: 'INSERT INTO usage (id, bytes, at) VALUES ($1, $2, $3)',
      values: [uuidv7(), Buffer.byteLength(text), new Date()],
    }),
  ]);
  return answer;
}

const server = createServer((request, response) => {
  answered(request).then(
    (body) =>
      response
        .writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.byteLength })
        .end(body),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));

process.once('SIGTERM', async () => {
  server.close();
  server.closeAllConnections();
  await Promise.all([model.close(), database.end()]);
  process.exit(0);
});
process.stdin.resume().once('end', () => process.exit(0));
