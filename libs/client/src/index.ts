export * from './books.js';
export * from './client.js';
