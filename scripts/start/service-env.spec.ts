import { gatewayConfig } from '../../apps/gateway/src/config.js';
import { envOf } from './env-prefix.js';
import { drainTimeoutMs, serviceEnv } from './service-env.js';

const options = {
  services: ['toll', 'gateway'],
  clusterId: 'c'.repeat(43),
  clusterName: 'here',
  region: 'EU/FR',
  dataFolder: '/nowhere',
  redisUrl: 'redis://127.0.0.1:6379',
  redisUrls: { toll: 'redis://127.0.0.1:6379', gateway: 'redis://127.0.0.1:6379' },
  databaseUrls: {
    toll: 'postgres://t@127.0.0.1/watershed',
    gateway: 'postgres://g@127.0.0.1/watershed',
  },
  basePort: 4100,
  metricsPort: 4120,
  inherited: {},
} as const;

describe('the environment of a process that the start makes', () => {
  it('leaves time to finish the longest request that the gateway takes', () => {
    const env = serviceEnv(options);
    const { limits, drain } = gatewayConfig(envOf('gateway', env));
    const longestMs = Math.max(limits.inferenceTimeoutMs, drain.limitMs);
    expect(drainTimeoutMs).toBeGreaterThan(longestMs);
    expect(env.WATERSHED_DRAIN_TIMEOUT_MS).toBe(String(drainTimeoutMs));
  });

  it('is what the operator says where they do', () => {
    expect(serviceEnv({ ...options, inherited: { WATERSHED_DRAIN_TIMEOUT_MS: '500' } })).toMatchObject({
      WATERSHED_DRAIN_TIMEOUT_MS: '500',
    });
  });

  it('has the address of no service but its own', () => {
    const env = serviceEnv({ ...options, services: ['toll'] });
    expect(env.TOLL_DATABASE_URL).toBe(options.databaseUrls.toll);
    expect(env.GATEWAY_DATABASE_URL).toBeUndefined();
  });
});
