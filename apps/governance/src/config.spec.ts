import { inspect } from 'node:util';
import { governanceConfig } from './config.js';

const env = {
  WATERSHED_CLUSTER_ID: 'c'.repeat(43),
  WATERSHED_CLUSTER_NAME: 'Testville',
  WATERSHED_REGION: 'EU/FR',
  WATERSHED_DATA_DIR: '/tmp/nowhere',
  WATERSHED_REDIS_URL: 'redis://:hush@127.0.0.1:6379',
  GOVERNANCE_DATABASE_URL: 'postgres://governance:hush@127.0.0.1/db',
};

describe('governanceConfig', () => {
  it('has an answer for what is not set, and shows no secret', () => {
    expect(governanceConfig(env)).toMatchObject({
      genesisOperatorName: 'genesis operator',
      operatorPublicKeyFile: undefined,
    });
    expect(inspect(governanceConfig(env), { depth: 9 })).not.toContain('hush');
  });

  it('holds nodes to the ranges that the operator lists, private addresses where none are', () => {
    const has = (listed: string | undefined, host: string) =>
      governanceConfig({ ...env, WATERSHED_NODE_RANGES: listed }).nodeRanges.has(host, false);
    expect([has(undefined, '10.2.0.1'), has(undefined, '203.0.113.7')]).toEqual([true, false]);
    expect([has('203.0.113.0/24', '10.2.0.1'), has('203.0.113.0/24', '203.0.113.7')]).toEqual([false, true]);
  });

  it('names what is missing', () => {
    expect(() => governanceConfig({ ...env, GOVERNANCE_DATABASE_URL: undefined })).toThrow(/GOVERNANCE_DATABASE_URL/);
  });
});
