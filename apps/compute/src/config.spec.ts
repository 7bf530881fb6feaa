import { orchestratorConfig } from './orchestrator/config.js';
import { memoryAtHandBytes, runnerConfig } from './runner/config.js';

const env = {
  WATERSHED_CLUSTER_ID: 'C'.repeat(43),
  WATERSHED_CLUSTER_NAME: 'test',
  WATERSHED_REGION: 'EU/FR',
  WATERSHED_DATA_DIR: '/data',
  WATERSHED_REDIS_URL: 'redis://:hidden@127.0.0.1',
};

describe('the settings of a runner', () => {
  it('need nothing beside those of the cluster', () => {
    const config = runnerConfig(env);
    expect(config).toMatchObject({
      port: 0,
      host: '127.0.0.1',
      modelFolder: '/data/runner/models',
      blobFolder: '/data/runner/blobs',
    });
    expect(config.triton).toBeUndefined();
    expect(config.modelMemoryBytes).toBeGreaterThan(0);
  });

  it('hold models to what a container leaves, where that is less than what the machine has', () => {
    expect(memoryAtHandBytes(16e9, 2e9)).toBe(2e9);
    expect(memoryAtHandBytes(1e9, 2e9)).toBe(1e9);
    expect(memoryAtHandBytes()).toBeGreaterThan(0);
    expect(runnerConfig({ ...env, RUNNER_MODEL_MEMORY_BYTES: '4000000000' }).modelMemoryBytes).toBe(4e9);
  });

  it('keep the folders of several runners apart', () => {
    expect(runnerConfig({ ...env, WATERSHED_NODE_NAME: 'second' }).modelFolder).toBe('/data/second/models');
  });

  it('name a Triton, its metrics and its folder', () => {
    const internal = { ...env, WATERSHED_INTERNAL_NETWORK: 'gpu' };
    expect(() => runnerConfig({ ...env, TRITON_URL: 'http://gpu:8000/' })).toThrow(/TRITON_URL: .*plain text/);
    expect(runnerConfig({ ...internal, TRITON_URL: 'http://gpu:8000/', TRITON_MODEL_DIR: '/m' }).triton).toEqual({
      url: 'http://gpu:8000',
      metricsUrl: 'http://gpu:8002/metrics',
      modelDir: '/m',
    });
    const metrics = { TRITON_METRICS_URL: 'http://gpu:9/metrics' };
    expect(runnerConfig({ ...internal, TRITON_URL: 'https://gpu', ...metrics }).triton?.metricsUrl).toBe(
      'http://gpu:9/metrics',
    );
    expect(() => runnerConfig({ ...env, TRITON_URL: 'https://gpu', ...metrics })).toThrow(
      /TRITON_METRICS_URL: .*plain text/,
    );
    expect(() => runnerConfig({ ...env, TRITON_URL: 'file:///etc' })).toThrow('TRITON_URL');
  });
});

describe('the settings of an orchestrator', () => {
  it('need its database, and never show its login', () => {
    expect(() => orchestratorConfig(env)).toThrow('ORCHESTRATOR_DATABASE_URL');
    const config = orchestratorConfig({ ...env, ORCHESTRATOR_DATABASE_URL: 'postgres://a:hidden@127.0.0.1/c' });
    expect(JSON.stringify(config)).not.toContain('hidden');
  });
});
