import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMetrics } from '#telemetry';
import { testLogger } from '#testing';
import { ClusterNode } from './cluster-node.js';

it.each([
  ['http://192.0.2.1:4318', ''],
  ['HTTP://collector.example:4318', 'other.example'],
])('a node does not start that would send its traces in plain text to %s', async (endpoint, network) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'watershed-node-'));
  const env = {
    WATERSHED_CLUSTER_ID: 'c'.repeat(43),
    WATERSHED_CLUSTER_NAME: 'Testville',
    WATERSHED_REGION: 'EU/FR',
    WATERSHED_DATA_DIR: dataDir,
    WATERSHED_REDIS_URL: 'redis://127.0.0.1:1',
    WATERSHED_INTERNAL_NETWORK: network,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hunter2',
  };
  const options = {
    services: ['toll'],
    types: ['core'],
    logger: testLogger(),
    metrics: createMetrics('toll'),
  } as const;
  const refusal = await ClusterNode.prepare({ env, ...options }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'config_invalid' });
  expect(String(refusal)).toMatch(/OTEL_EXPORTER_OTLP_ENDPOINT: leads off this machine in plain text: use https/);
  expect(String(refusal)).not.toMatch(/hunter2|192\.0\.2\.1|collector\.example/);
  // Nothing was begun.
  expect(readdirSync(dataDir)).toEqual([]);
  rmSync(dataDir, { recursive: true });
});
