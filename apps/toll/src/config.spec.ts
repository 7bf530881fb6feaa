import { inspect } from 'node:util';
import { tollConfig } from './config.js';

const env = {
  WATERSHED_CLUSTER_ID: 'c'.repeat(43),
  WATERSHED_CLUSTER_NAME: 'Testville',
  WATERSHED_REGION: 'EU/FR',
  WATERSHED_DATA_DIR: '/tmp/nowhere',
  WATERSHED_REDIS_URL: 'redis://:hush@127.0.0.1:6379',
  TOLL_DATABASE_URL: 'postgres://toll:hush@127.0.0.1/db',
};

describe('tollConfig', () => {
  it('has an answer for what is not set', () => {
    expect(tollConfig(env)).toMatchObject({ asset: 'drop', openingBalanceMicro: 1_000_000n, blockTtlMs: 60_000 });
  });

  it('shows no secret', () => {
    expect(inspect(tollConfig(env), { depth: 9 })).not.toContain('hush');
  });

  it('names everything that is wrong at once', () => {
    const wrong = { ...env, TOLL_DATABASE_URL: '', TOLL_OPENING_BALANCE_MICRO: '1.5', TOLL_BLOCK_TTL_MS: '5' };
    expect(() => tollConfig(wrong)).toThrow(
      /TOLL_DATABASE_URL[\s\S]*TOLL_OPENING_BALANCE_MICRO[\s\S]*TOLL_BLOCK_TTL_MS/,
    );
  });
});
