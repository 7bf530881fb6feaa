export * from './common-env.js';
export * from './config.errors.js';
export * from './internal-network.js';
export * from './parse-env.js';
export * from './secret.js';
export {
  postgresUrl,
  type RedisPlace,
  redisPlace,
  redisUrl,
  StorageUrl,
  withoutAuthority,
} from './storage-url.js';
