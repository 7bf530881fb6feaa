export * from './data-folder-state.js';
export * from './logger.js';
export * from './metrics.js';
export * from './nest-logger.js';
export * from './redaction.js';
export * from './trace-context.js';
export * from './tracing.js';
