export * from './bytes-tensor.js';
export * from './datatypes.js';
export * from './fit-request.js';
export * from './infer-request.js';
export * from './infer-response.js';
export { MAX_JSON_DEPTH } from './json-scanner.js';
export * from './json-value.js';
export * from './protocol-error.js';
export * from './tensor-json.js';
