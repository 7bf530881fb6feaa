export * from './kek.js';
export * from './kek-ledger.js';
export * from './seal.js';
