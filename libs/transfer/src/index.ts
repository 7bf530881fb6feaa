export * from './content-frames.js';
export * from './content-sender.js';
export {
  TransferClient,
  type TransferClientOptions,
  type TransferExchange,
  type TransferRequest,
  type TransferResponse,
} from './transfer-client.js';
export * from './transfer-server.js';
export * from './transfer-tokens.js';
