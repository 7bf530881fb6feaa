export * from './repository-name.js';
export * from './triton-config.js';
