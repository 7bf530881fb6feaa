export * from './check-manifest.js';
export * from './inspect-onnx.js';
export type { OnnxFacts } from './onnx-facts.js';
