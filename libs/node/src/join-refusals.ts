import { isWatershedError, WatershedError } from '#errors';

export const plainAddress = (url: string): WatershedError =>
  new WatershedError(
    'manifest_invalid',
    `This node would be reached in plain text at ${url}: name an https address as its public URL, or that host in WATERSHED_INTERNAL_NETWORK where nobody else can listen.`,
  );

const finalCodes = new Set([
  'manifest_invalid',
  'node_address_refused',
  'signature_invalid',
  'node_expelled',
  'invalid_request',
]);

/** What asking the index again cannot change. */
export const isFinal = (error: unknown): boolean => isWatershedError(error) && finalCodes.has(error.code);
