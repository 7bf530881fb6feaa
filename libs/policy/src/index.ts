export * from './default-policy.js';
export * from './evaluate.js';
export * from './known-regions.js';
export * from './narrow.js';
export * from './region.js';
export * from './region-tree.js';
