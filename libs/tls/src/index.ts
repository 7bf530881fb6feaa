export * from './pinned-connector.js';
export * from './self-signed.js';
export * from './server-certificate.js';
