import type { ErrorCode } from '#errors';

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** Every code as HTTP tells it. `satisfies` makes this fail to compile when a code is missing. */
export const problemCatalogue = {
  malformed_body: { status: 400, title: 'The body cannot be read' },
  invalid_request: { status: 400, title: 'The request is not valid' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'This media type is not taken here' },
  not_found: { status: 404, title: 'Nothing is here' },
  method_not_allowed: { status: 405, title: 'This method is not allowed here' },
  conflict: { status: 409, title: 'The request conflicts with what is there' },
  idempotency_key_reused: { status: 409, title: 'The idempotency key was used for another request' },
  idempotency_in_progress: { status: 409, title: 'The first request with this idempotency key is under way' },
  cursor_invalid: { status: 400, title: 'The cursor is not one of ours' },

  unauthenticated: { status: 401, title: 'Who are you?' },
  key_unknown: { status: 401, title: 'The API key is unknown' },
  key_expired: { status: 401, title: 'The API key has expired' },
  key_revoked: { status: 401, title: 'The API key was revoked' },
  token_invalid: { status: 401, title: 'The token is not valid' },
  token_expired: { status: 401, title: 'The token has expired' },
  scope_missing: { status: 403, title: 'The key lacks a scope' },
  role_missing: { status: 403, title: 'The person lacks a role' },
  person_closed: { status: 403, title: 'The account is closed' },
  sign_up_closed: { status: 403, title: 'Nobody can sign up here' },
  invitation_needed: { status: 403, title: 'Signing up takes an invitation' },
  invitation_invalid: { status: 403, title: 'The invitation is not valid' },
  grant_invalid: { status: 403, title: 'The grant is not valid' },
  transfer_token_invalid: { status: 403, title: 'The transfer token is not valid' },
  signature_invalid: { status: 400, title: 'The signature does not hold' },
  caller_not_allowed: { status: 403, title: 'This service may not ask that' },

  model_unknown: { status: 404, title: 'The model is unknown' },
  model_not_ready: { status: 503, title: 'The model is not ready' },
  model_crashed: { status: 502, title: 'The model died while it worked' },
  model_server_unavailable: { status: 503, title: 'The model server is not available' },
  tensor_invalid: { status: 400, title: 'A tensor is not valid' },
  tensor_out_of_range: { status: 400, title: 'An element lies outside the range of its type' },
  tensor_shape_mismatch: { status: 400, title: 'A tensor has another shape than the model takes' },
  input_too_deep: { status: 400, title: 'The input is nested too deeply' },
  text_invalid: { status: 400, title: 'The text is not valid' },
  inference_failed: { status: 502, title: 'The inference failed' },

  model_exists: { status: 409, title: 'This version exists with another content' },
  model_invalid: { status: 422, title: 'The model is not acceptable' },
  digest_mismatch: { status: 422, title: 'The bytes have another digest' },
  blob_unknown: { status: 404, title: 'The blob is unknown' },
  memory_exhausted: { status: 503, title: 'No memory is left for this' },

  purse_empty: { status: 402, title: 'The purse is empty' },
  budget_exhausted: { status: 402, title: 'The budget is spent' },
  amount_invalid: { status: 400, title: 'The amount is not valid' },
  transfer_unknown: { status: 404, title: 'The transfer is unknown' },
  transfer_settled: { status: 409, title: 'The transfer is settled already' },

  region_unknown: { status: 422, title: 'The region is unknown' },
  policy_forbids: { status: 403, title: 'The policy forbids this' },
  policy_invalid: { status: 422, title: 'The policy is not valid' },
  consent_missing: { status: 403, title: 'A consent is missing' },

  node_unknown: { status: 404, title: 'The node is unknown' },
  node_expelled: { status: 403, title: 'The node was expelled' },
  node_unreachable: { status: 503, title: 'A node cannot be reached' },
  no_node_available: { status: 503, title: 'No node can serve this now' },
  manifest_invalid: { status: 422, title: 'The manifest is not valid' },
  node_address_refused: { status: 422, title: 'The node may not be reached there' },
  node_address_taken: { status: 409, title: 'Another node has this address' },
  ticket_invalid: { status: 403, title: 'The join ticket is not valid' },
  ticket_used: { status: 409, title: 'The join ticket was used' },
  ticket_expired: { status: 403, title: 'The join ticket has expired' },
  ticket_mismatch: { status: 403, title: 'The join ticket is for another node' },
  connection_untrusted: { status: 502, title: 'The connection is not one to trust' },

  operator_unknown: { status: 404, title: 'The operator is unknown' },
  last_operator: { status: 409, title: 'The last operator stays' },
  proposal_unknown: { status: 404, title: 'The proposal is unknown' },
  proposal_closed: { status: 409, title: 'The proposal is closed' },
  ballot_conflict: { status: 409, title: 'The operator has voted otherwise' },

  rate_limited: { status: 429, title: 'Too many requests' },
  overloaded: { status: 503, title: 'The cluster is busy' },
  deadline_exceeded: { status: 504, title: 'The deadline has passed' },
  bus_unavailable: { status: 503, title: 'The cluster cannot talk to itself' },
  database_unavailable: { status: 503, title: 'The database is not available' },
  storage_full: { status: 507, title: 'No storage is left' },
  shutting_down: { status: 503, title: 'This gateway is stopping' },
  internal: { status: 500, title: 'Something failed inside the cluster' },
} as const satisfies Record<ErrorCode, ProblemKind>;

/** The stable identifier of a kind of problem (RFC 9457 `type`); docs/errors.md explains each. */
export const problemType = (code: ErrorCode): string => `urn:watershed:problem:${code}`;
