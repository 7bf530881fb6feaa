export * from './codes.js';
export * from './watershed-error.js';
