export * from './bus.js';
export * from './bus.types.js';
export * from './bus-handler.decorator.js';
export * from './node-directory.port.js';
