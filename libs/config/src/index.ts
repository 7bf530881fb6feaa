export * from './common-env.js';
export * from './config.errors.js';
export { HostList } from './host-list.js';
export { InternalNetwork, internalNetwork } from './internal-network.js';
export { NodeRanges, nodeRangesShape } from './node-ranges.js';
export * from './parse-env.js';
export * from './secret.js';
export {
  postgresPlace,
  postgresUrl,
  type RedisPlace,
  redisPlace,
  redisUrl,
  type StoragePlace,
  StorageUrl,
  withoutLocalPaths,
} from './storage-url.js';
