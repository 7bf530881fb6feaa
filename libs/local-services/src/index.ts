export * from './free-port.js';
export * from './guarded-process.js';
export * from './local-service-error.js';
export * from './log-tail.js';
export * from './orphans.js';
export * from './postgres-server.js';
export * from './redis-binary.js';
export * from './redis-server.js';
