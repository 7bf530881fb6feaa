export * from './common-env.js';
export * from './config.errors.js';
export * from './parse-env.js';
export * from './secret.js';
