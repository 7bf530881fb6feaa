import { WatershedError } from '#errors';

const accountForms = [
  /^revenue$/,
  /^person:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  /^peer:[A-Za-z0-9_-]{43}$/,
  /^node:[A-Za-z0-9_-]{43}$/,
];

/** Whom a hold may pay: `revenue`, `person:<uuid>`, `peer:<cluster id>` or `node:<node id>`. Throws `invalid_request`. */
export function payeeAccount(payee: string): string {
  if (accountForms.some((form) => form.test(payee))) return payee;
  throw new WatershedError('invalid_request', 'The payee is "revenue", "person:…", "peer:…" or "node:…" with its id.');
}
