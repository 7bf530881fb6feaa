export * from './price-of.js';
