export * from './eventually.js';
export * from './leak-check.js';
export * from './memory-index.js';
export * from './race-points.js';
export * from './test-database.js';
export * from './test-logger.js';
export * from './test-redis.js';
export * from './test-services.js';
