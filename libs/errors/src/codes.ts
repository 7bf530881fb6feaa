/**
 * Every code a refusal can carry. A code is stable: clients match on it, so it is never renamed and its meaning never
 * narrowed. `docs/errors.md` explains each one; the gateway maps each to an HTTP status and fails to compile when one
 * is missing there.
 */
export const errorCodes = [
  // what was sent
  'malformed_body',
  'invalid_request',
  'body_too_large',
  'unsupported_media_type',
  'not_found',
  'method_not_allowed',
  'conflict',
  'idempotency_key_reused',
  'idempotency_in_progress',
  'cursor_invalid',
  // who sent it
  'unauthenticated',
  'key_unknown',
  'key_expired',
  'key_revoked',
  'token_invalid',
  'token_expired',
  'scope_missing',
  'role_missing',
  'person_closed',
  'sign_up_closed',
  'invitation_needed',
  'invitation_invalid',
  'grant_invalid',
  'transfer_token_invalid',
  'signature_invalid',
  'caller_not_allowed',
  // inference
  'model_unknown',
  'model_not_ready',
  'model_crashed',
  'model_server_unavailable',
  'tensor_invalid',
  'tensor_out_of_range',
  'tensor_shape_mismatch',
  'input_too_deep',
  'text_invalid',
  'inference_failed',
  // models
  'model_exists',
  'model_invalid',
  'digest_mismatch',
  'blob_unknown',
  'memory_exhausted',
  // money
  'purse_empty',
  'budget_exhausted',
  'amount_invalid',
  'transfer_unknown',
  'transfer_settled',
  // place
  'region_unknown',
  'policy_forbids',
  'policy_invalid',
  'consent_missing',
  // nodes
  'node_unknown',
  'node_expelled',
  'node_unreachable',
  'no_node_available',
  'manifest_invalid',
  'node_address_refused',
  'node_address_taken',
  'ticket_invalid',
  'ticket_used',
  'ticket_expired',
  'ticket_mismatch',
  'connection_untrusted',
  // decisions
  'operator_unknown',
  'last_operator',
  'proposal_unknown',
  'proposal_closed',
  'ballot_conflict',
  // the cluster itself
  'rate_limited',
  'overloaded',
  'deadline_exceeded',
  'bus_unavailable',
  'database_unavailable',
  'storage_full',
  'shutting_down',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];
