export * from './app-group.js';
export * from './cluster-node.js';
export type * from './index-port.js';
export * from './index-presence.js';
export * from './node-app.js';
export * from './node-manifest.js';
export * from './run-main.js';
export * from './running-app.js';
export * from './watched-directory.js';
