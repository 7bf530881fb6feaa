import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningApp } from '#node';
import { loadSigil } from '#sigil';
import { type TestDatabase, testDatabase } from '#testing';
import { startGateway } from '../app.js';
import { FakeCluster, FakeContent } from './fake-cluster.js';
import { FakeServices } from './fake-services.js';

interface SignedUp extends Record<string, unknown> {
  person: { personId: string };
  key: { secret: string; keyId: string };
  recoveryCode: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined for anything else. */
  readonly body: Record<string, unknown>;
  readonly text: string;
}

export interface Ask {
  readonly key?: string;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
}

/** A gateway with a database of its own, a fake cluster behind it, and a client before it. */
export class TestGateway {
  private constructor(
    readonly app: RunningApp,
    readonly cluster: FakeCluster,
    readonly services: FakeServices,
    readonly content: FakeContent,
    readonly database: TestDatabase,
    readonly dataDir: string,
    private readonly ownsDatabase: boolean,
  ) {}

  static async start(
    env: Record<string, string> = {},
    shared?: { database: TestDatabase; dataDir: string; cluster?: FakeCluster },
    cluster = shared?.cluster ?? new FakeCluster(),
  ): Promise<TestGateway> {
    const database = shared?.database ?? (await testDatabase());
    const dataDir = shared?.dataDir ?? mkdtempSync(join(tmpdir(), 'watershed-gateway-'));
    const services = new FakeServices(cluster);
    const content = new FakeContent();
    const settings = {
      WATERSHED_CLUSTER_ID: cluster.clusterId,
      WATERSHED_CLUSTER_NAME: 'test',
      WATERSHED_REGION: cluster.region,
      WATERSHED_DATA_DIR: dataDir,
      WATERSHED_REDIS_URL: 'redis://127.0.0.1:1',
      WATERSHED_LOG_LEVEL: 'silent',
      GATEWAY_DATABASE_URL: database.urlFor('gateway'),
      GATEWAY_PORT: '0',
      ...env,
    };
    const app = await startGateway(settings, { cluster: () => cluster, transfer: content });
    services.grantKeys = [(await loadSigil(join(dataDir, 'keys', 'grant.json'), 'grant')).publicJwk];
    return new TestGateway(app, cluster, services, content, database, dataDir, shared === undefined);
  }

  get url(): string {
    return this.app.url ?? '';
  }

  operatorKey(): string {
    return readFileSync(join(this.dataDir, 'operator', 'api-key'), 'utf8').trim();
  }

  async ask(method: string, path: string, { key, json, body, headers = {} }: Ask = {}): Promise<Reply> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...headers,
      },
      body: json === undefined ? body : JSON.stringify(json),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : {}, text };
  }

  async signUp(json: unknown = {}): Promise<{ personId: string; key: string; keyId: string; recoveryCode: string }> {
    const made = await this.ask('POST', '/v1/people', { json });
    if (made.status !== 201) throw new Error(`sign-up was answered with ${made.status}: ${made.text}`);
    const { person, key, recoveryCode } = made.body as SignedUp;
    return { personId: person.personId, key: key.secret, keyId: key.keyId, recoveryCode };
  }

  async stop(): Promise<void> {
    await this.app.close();
    if (!this.ownsDatabase) return;
    await this.database.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
