export * from './transfer-client.js';
export * from './transfer-server.js';
export * from './transfer-tokens.js';
