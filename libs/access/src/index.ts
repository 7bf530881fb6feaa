export * from './node-acl.js';
export * from './node-address.js';
export * from './node-password.js';
export * from './redis-users.js';
