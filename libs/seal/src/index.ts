export * from './kek.js';
export * from './kek-ledger.js';
export * from './kek-rotation.js';
export * from './seal.js';
