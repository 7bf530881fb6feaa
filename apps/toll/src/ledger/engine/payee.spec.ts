import { payeeAccount } from './payee.js';

describe('payeeAccount', () => {
  it.each([
    'revenue',
    'person:01936f00-0000-7000-8000-000000000001',
    `peer:${'a'.repeat(43)}`,
    `node:${'_'.repeat(43)}`,
  ])('takes %s', (payee) => expect(payeeAccount(payee)).toBe(payee));

  it.each(['issuance', 'person:x', 'peer:', 'revenue ', 'node:../../etc', ''])('refuses "%s"', (payee) => {
    expect(() => payeeAccount(payee)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
