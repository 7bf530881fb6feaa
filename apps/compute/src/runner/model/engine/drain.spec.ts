import { drainLimitMs } from './drain-limit.js';
import { Tenants } from './tenants.js';

describe('the drain limit', () => {
  it.each([
    ['the step itself', { maxStepMs: 200, capMs: 300, localDemand: true }, 200],
    ["the operator's cap", { maxStepMs: 2_000, capMs: 300, localDemand: true }, 300],
    ['local demand', { maxStepMs: 2_000, capMs: 900, localDemand: true }, 500],
    ['local demand without a cap', { maxStepMs: 2_000, localDemand: true }, 500],
    ['the step, where nobody local waits', { maxStepMs: 2_000, localDemand: false }, 2_000],
    ['the cap, where nobody local waits', { maxStepMs: 2_000, capMs: 900, localDemand: false }, 900],
    ['nothing, for a step that should be over', { maxStepMs: -1, localDemand: false }, 0],
  ])('is %s', (_, drain, limitMs) => {
    expect(drainLimitMs(drain)).toBe(limitMs);
  });
});

describe('the tenants of a process', () => {
  it('are all being revoked before it is ended', () => {
    const tenants = new Tenants();
    expect(tenants.allRevoked).toBe(true);
    tenants.admit('a', 'guest');
    tenants.admit('b', 'guest');
    tenants.revoke('a');
    expect(tenants.allRevoked).toBe(false);
    tenants.revoke('b');
    tenants.admit('b', 'guest');
    expect(tenants.allRevoked).toBe(true);
    tenants.admit('c', 'guest');
    expect(tenants.allRevoked).toBe(false);
    tenants.leave('c');
    expect(tenants.allRevoked).toBe(true);
  });

  it('are of one party', () => {
    const tenants = new Tenants();
    tenants.admit('a', 'local');
    expect(() => tenants.admit('b', 'guest')).toThrow(expect.objectContaining({ code: 'conflict' }));
    tenants.leave('a');
    tenants.admit('b', 'guest');
    expect(() => tenants.admit('a', 'local')).toThrow(expect.objectContaining({ code: 'conflict' }));
  });
});
