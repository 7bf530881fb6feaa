export * from './bus.js';
export * from './bus.types.js';
export * from './bus-handler.decorator.js';
export { Neighbours } from './neighbours.js';
export * from './node-directory.port.js';
