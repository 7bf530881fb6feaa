import { inspect } from 'node:util';
import { z } from 'zod';
import { common, commonEnvShape, flag, parseEnv, port, Secret, secret } from './index.js';

const planted = 'hunter2-PLANTED';
const good = {
  WATERSHED_CLUSTER_ID: 'a'.repeat(43),
  WATERSHED_CLUSTER_NAME: 'Lyon',
  WATERSHED_REGION: 'EU/FR',
  WATERSHED_DATA_DIR: '/tmp/x',
  WATERSHED_REDIS_URL: `redis://:${planted}@127.0.0.1:6379`,
};

describe('a secret', () => {
  it('is given only to who asks for it by name', () => {
    const value = new Secret(planted);
    const printed = [
      String(value),
      `${value}`,
      JSON.stringify({ value }),
      inspect({ value }, { depth: 9, showHidden: true }),
      Object.keys(value),
    ];
    expect(printed.join()).not.toContain(planted);
    expect(value.reveal()).toBe(planted);
  });
});

describe('settings', () => {
  it('are parsed once, typed, with defaults', () => {
    const config = common(good);
    expect(config).toMatchObject({ clusterName: 'Lyon', region: 'EU/FR', logLevel: 'info' });
    expect(config.redisUrl.reveal()).toContain(planted);
    expect(JSON.stringify(config)).not.toContain(planted);
  });

  it('list every wrong variable in one error, and repeat no value', () => {
    const schema = z.object({
      ...commonEnvShape,
      TOLL_PORT: port(),
      TOLL_DATABASE_URL: secret(),
      TOLL_STRICT: flag(),
      TOLL_MODE: z.enum(['a', 'b']),
    });
    const env = {
      ...good,
      WATERSHED_REGION: planted,
      TOLL_PORT: planted,
      TOLL_DATABASE_URL: '',
      TOLL_STRICT: planted,
      TOLL_MODE: planted,
    };
    let message = '';
    try {
      parseEnv(schema, env, 'toll');
    } catch (error) {
      message = String(error);
    }
    for (const name of ['WATERSHED_REGION', 'TOLL_PORT', 'TOLL_DATABASE_URL', 'TOLL_STRICT', 'TOLL_MODE'])
      expect(message).toContain(name);
    expect(message).toContain('TOLL_DATABASE_URL: is missing');
    expect(message).toContain('TOLL_MODE: must be one of a, b');
    expect(message).toContain('toll');
    expect(message).not.toContain(planted);
    expect(message).not.toContain('WATERSHED_DATA_DIR');
  });

  it.each([
    ['0', 0],
    ['65535', 65535],
    ['65536', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['x', undefined],
  ])('port %s is %s', (text, expected) => {
    expect(port().safeParse(text).data).toBe(expected);
  });
});
