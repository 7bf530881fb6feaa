import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { certificateFiles, eventually } from '#testing';
import { TestGateway } from '../testing/test-gateway.js';

let folder: string;
let gateway: TestGateway;
let authority: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'watershed-https-'));
  const { certFile, keyFile } = certificateFiles(folder, ['127.0.0.1']);
  authority = readFileSync(certFile, 'utf8');
  gateway = await TestGateway.start({ GATEWAY_TLS_CERT_FILE: certFile, GATEWAY_TLS_KEY_FILE: keyFile });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly protocol: string;
  readonly body: Record<string, unknown>;
}

function ask(path: string, json?: unknown, ca = authority): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = json === undefined ? {} : { 'content-type': 'application/json' };
    const asking = request(new URL(path, gateway.url), { ca, headers, method: json ? 'POST' : 'GET' }, (response) => {
      const protocol = (response.socket as TLSSocket).getProtocol() ?? '';
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, protocol, body: JSON.parse(Buffer.concat(chunks).toString()) }),
      );
    });
    asking.once('error', reject);
    asking.end(json === undefined ? undefined : JSON.stringify(json));
  });
}

describe('a gateway with a certificate', () => {
  it('speaks HTTPS, and names itself so to the cluster', async () => {
    expect(gateway.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const made = await ask('/v1/people', {});
    expect([made.status, made.protocol]).toEqual([201, 'TLSv1.3']);
    expect(await ask('/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  it('is not believed by who trusts another authority', async () => {
    const other = readFileSync(certificateFiles(folder, ['127.0.0.1']).certFile, 'utf8');
    await expect(ask('/v1/models', undefined, other)).rejects.toThrow(/self-signed/);
  });

  it('answers nothing in plain text, and goes on', async () => {
    const plain = new Promise((resolve, reject) => {
      const asking = requestPlain(gateway.url.replace('https:', 'http:'), (response) => resolve(response.statusCode));
      asking.once('error', reject);
      asking.end();
    });
    await expect(plain).rejects.toThrow(/socket hang up|ECONNRESET|Parse Error/);
    await eventually(async () => (await ask('/health/live')).status === 200);
  });
});
