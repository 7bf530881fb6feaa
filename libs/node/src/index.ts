export * from './cluster-node.js';
export * from './node-app.js';
export * from './run-main.js';
export * from './running-app.js';
export * from './watched-directory.js';
