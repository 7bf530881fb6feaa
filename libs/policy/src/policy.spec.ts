import fc from 'fast-check';
import { type DataLocationPolicy, type PolicyAction, policyAction, region } from '#contracts';
import { propertyRuns } from '#testing';
import {
  defaultPolicy,
  evaluate,
  isKnownRegion,
  knownRegions,
  narrow,
  type PolicyQuestion,
  regionCovers,
} from './index.js';

const places = ['EU', 'EU/FR', 'EU/DE', 'AM', 'AM/US', 'AP/JP'] as const;
const actions = policyAction.options;
const now = Date.UTC(2026, 10, 21);

const policies: fc.Arbitrary<DataLocationPolicy> = fc.record({
  allowedRegions: fc.array(fc.constantFrom(...places), { minLength: 1, maxLength: 4 }),
  requiredRegion: fc.option(fc.constantFrom(...places), { nil: undefined }),
  crossBorderAllowed: fc.boolean(),
  encryptionRequired: fc.boolean(),
  retention: fc.record({
    maxAgeSeconds: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
    deleteOnRevoke: fc.boolean(),
    legalHold: fc.boolean(),
  }),
});

const consent = { consentId: 'c', version: 1, actions, regions: ['EU', 'AM'], expiresAtMs: now + 1, revoked: false };
const open: DataLocationPolicy = { ...defaultPolicy('EU/FR'), allowedRegions: ['EU', 'AM'], crossBorderAllowed: true };

const questions: fc.Arbitrary<PolicyQuestion> = fc.record({
  policy: policies,
  action: fc.constantFrom(...actions),
  destinationRegion: fc.constantFrom(...places),
  homeRegion: fc.constantFrom(...places),
  consent: fc.option(
    fc.record({
      consentId: fc.constant('c'),
      version: fc.constant(1),
      actions: fc.subarray([...actions]),
      regions: fc.subarray([...places]),
      expiresAtMs: fc.constantFrom(now - 1, now, now + 1),
      revoked: fc.boolean(),
    }),
    { nil: undefined },
  ),
  atMs: fc.option(fc.constant(now), { nil: undefined }),
  trust: fc.constantFrom(undefined, 1, 2, 3, 4),
  encrypted: fc.boolean(),
});

describe('regions', () => {
  it.each([
    ['EU', 'EU', true],
    ['EU', 'EU/FR', true],
    ['EU/FR', 'EU', false],
    ['EU', 'EUROPE', false],
    ['EU/F', 'EU/FR', false],
    ['EU/FR', 'EU/DE', false],
  ])('a rule for %s in %s: %s', (rule, place, covered) => expect(regionCovers(rule, place)).toBe(covered));

  it.each([
    ['EU', true],
    ['EU/FR', true],
    ['AM/US', true],
    ['ME/AE', true],
    ['EU/US', false],
    ['EU/FR/IDF', false],
    ['MOON', false],
    ['EU/', false],
    ['', false],
    ['EU/constructor', false],
    ['__proto__', false],
  ])('%s is known: %s', (place, known) => expect(isKnownRegion(place)).toBe(known));

  it('all have the form that contracts demand, and the Union has its 27 members', () => {
    const all = Object.entries(knownRegions).flatMap(([root, under]) => [
      root,
      ...Object.keys(under).map((s) => `${root}/${s}`),
    ]);
    for (const place of all) expect(region.safeParse(place).success).toBe(true);
    expect(Object.keys(knownRegions.EU ?? {})).toHaveLength(27);
    const states = all.filter((place) => place.includes('/')).map((place) => place.split('/')[1]);
    expect(new Set(states).size).toBe(states.length); // no state lies in two areas
  });
});

describe('evaluate, row by row', () => {
  const local = { policy: defaultPolicy('EU/FR'), homeRegion: 'EU/FR', destinationRegion: 'EU/FR' } as const;
  const abroad = {
    policy: open,
    homeRegion: 'EU/FR',
    destinationRegion: 'AM/US',
    consent,
    atMs: now,
    trust: 4,
  } as const;
  const rows: [string, Partial<PolicyQuestion>, string][] = [
    ['the default at home', local, 'allowed'],
    ['the default to a neighbour', { ...local, destinationRegion: 'EU/DE' }, 'policy_forbids'],
    ['the default to the area around home', { ...local, destinationRegion: 'EU' }, 'policy_forbids'],
    ['the default with a consent alone', { ...abroad, policy: defaultPolicy('EU/FR') }, 'policy_forbids'],
    ['an unknown destination', { ...local, destinationRegion: 'XX' }, 'region_unknown'],
    ['an unknown home', { ...local, homeRegion: 'XX/YY' }, 'region_unknown'],
    [
      'a policy naming an unknown region',
      { ...local, policy: { ...open, allowedRegions: ['EU', 'XX'] } },
      'region_unknown',
    ],
    ['a required region unknown', { ...local, policy: { ...open, requiredRegion: 'XX' } }, 'region_unknown'],
    ['both locks open', abroad, 'allowed'],
    ['no consent', { ...abroad, consent: undefined }, 'consent_missing'],
    ['a revoked consent', { ...abroad, consent: { ...consent, revoked: true } }, 'consent_missing'],
    ['a consent at its end', { ...abroad, atMs: now + 1 }, 'consent_missing'],
    ['a consent and no clock', { ...abroad, atMs: undefined }, 'consent_missing'],
    ['a consent for another action', { ...abroad, consent: { ...consent, actions: ['read'] } }, 'consent_missing'],
    ['a consent for another region', { ...abroad, consent: { ...consent, regions: ['EU', 'AP'] } }, 'consent_missing'],
    ['no border crossing allowed', { ...abroad, policy: { ...open, crossBorderAllowed: false } }, 'policy_forbids'],
    ['a region not allowed', { ...abroad, policy: { ...open, allowedRegions: ['EU'] } }, 'policy_forbids'],
    ['no region allowed at all', { ...local, policy: { ...open, allowedRegions: [] } }, 'policy_forbids'],
    ['a peer', { ...abroad, trust: 2 }, 'policy_forbids'],
    ['a community', { ...abroad, trust: 3 }, 'allowed'],
    ['a cluster of unknown trust', { ...abroad, trust: undefined }, 'policy_forbids'],
    ['an untrusted cluster of the same region', { ...local, trust: 1 }, 'policy_forbids'],
    ['storing readable at a community', { ...abroad, action: 'store', trust: 3 }, 'policy_forbids'],
    ['storing encrypted at a community', { ...abroad, action: 'replicate', trust: 3, encrypted: true }, 'allowed'],
    [
      'storing outside the required region',
      { ...local, action: 'store', policy: { ...open, requiredRegion: 'EU/DE' } },
      'policy_forbids',
    ],
    ['inferring outside the required region', { ...local, policy: { ...open, requiredRegion: 'EU/DE' } }, 'allowed'],
    [
      'encryption required, at rest',
      { ...local, action: 'backup', policy: { ...open, encryptionRequired: true } },
      'policy_forbids',
    ],
    ['encryption required, in passing at home', { ...local, policy: { ...open, encryptionRequired: true } }, 'allowed'],
    ['encryption required, abroad', { ...abroad, policy: { ...open, encryptionRequired: true } }, 'policy_forbids'],
    [
      'encryption required and given, abroad',
      { ...abroad, policy: { ...open, encryptionRequired: true }, encrypted: true },
      'allowed',
    ],
  ];
  it.each(rows)('%s', (_name, question, expected) => {
    const verdict = evaluate({ action: 'infer', ...local, ...question });
    expect(verdict.allowed ? 'allowed' : verdict.code).toBe(expected);
    if (!verdict.allowed) expect(verdict.reason.length).toBeGreaterThan(10);
  });
});

describe('evaluate, over every combination', () => {
  const resting: PolicyAction[] = ['store', 'replicate', 'backup'];
  it('crosses a border only with both locks, enough trust, and the encryption that was asked for', () => {
    let allowedAbroad = 0;
    for (const action of actions)
      for (const crossBorderAllowed of [true, false])
        for (const encryptionRequired of [true, false])
          for (const encrypted of [true, false])
            for (const trust of [undefined, 1, 2, 3, 4] as const)
              for (const given of [undefined, consent, { ...consent, revoked: true }, { ...consent, expiresAtMs: now }])
                for (const destinationRegion of places) {
                  const policy = { ...open, crossBorderAllowed, encryptionRequired };
                  const question = {
                    policy,
                    action,
                    trust,
                    encrypted,
                    consent: given,
                    destinationRegion,
                    homeRegion: 'EU/FR',
                    atMs: now,
                  };
                  const allowed = evaluate(question).allowed;
                  const abroad = destinationRegion !== 'EU/FR';
                  const kept = resting.includes(action);
                  const inPolicy = destinationRegion.startsWith('EU') || destinationRegion.startsWith('AM');
                  const trusted = (trust ?? (abroad ? 0 : 4)) >= (kept && !encrypted ? 4 : 3);
                  const locks = !abroad || (crossBorderAllowed && given === consent);
                  const sealed = encrypted || !encryptionRequired || !(kept || abroad);
                  expect({ question, allowed }).toEqual({ question, allowed: inPolicy && trusted && locks && sealed });
                  if (allowed && abroad) allowedAbroad += 1;
                }
    expect(allowedAbroad).toBeGreaterThan(0);
  });

  it('refuses without a consent whatever it refuses with one', () => {
    fc.assert(
      fc.property(questions, (question) => {
        if (evaluate({ ...question, consent: undefined }).allowed) expect(evaluate(question).allowed).toBe(true);
      }),
    );
  });
});

describe('narrow', () => {
  const same = (one: DataLocationPolicy, other: DataLocationPolicy) => expect(one).toEqual(other);
  it('is commutative', () => fc.assert(fc.property(policies, policies, (a, b) => same(narrow(a, b), narrow(b, a)))));
  it('is associative', () =>
    fc.assert(
      fc.property(policies, policies, policies, (a, b, c) => {
        same(narrow(narrow(a, b), c), narrow(a, narrow(b, c)));
        same(narrow(narrow(a, b), c), narrow(a, b, c));
      }),
    ));
  it('is idempotent', () =>
    fc.assert(
      fc.property(policies, (a) => {
        same(narrow(a, a), narrow(a));
        same(narrow(narrow(a)), narrow(a));
      }),
    ));
  it('means the same in its normal form', () =>
    fc.assert(
      fc.property(questions, (question) => {
        expect(evaluate({ ...question, policy: narrow(question.policy) }).allowed).toBe(evaluate(question).allowed);
      }),
    ));
  it('never allows what one of the two forbids, and forbids nothing that both allow', () =>
    fc.assert(
      fc.property(questions, policies, (question, other) => {
        const both = evaluate(question).allowed && evaluate({ ...question, policy: other }).allowed;
        const [a, b] = [question.policy.requiredRegion, other.requiredRegion];
        const apart = a !== undefined && b !== undefined && !regionCovers(a, b) && !regionCovers(b, a);
        expect(evaluate({ ...question, policy: narrow(question.policy, other) }).allowed).toBe(both && !apart);
      }),
      propertyRuns(3000),
    ));
  it('takes the shorter life and every obligation', () => {
    const a = { ...defaultPolicy('EU'), retention: { maxAgeSeconds: 60, deleteOnRevoke: true, legalHold: false } };
    const b = { ...defaultPolicy('EU/FR'), retention: { maxAgeSeconds: 30, deleteOnRevoke: false, legalHold: true } };
    expect(narrow(a, b)).toMatchObject({
      allowedRegions: ['EU/FR'],
      retention: { maxAgeSeconds: 30, deleteOnRevoke: true, legalHold: true },
    });
  });
  it('leaves no place where there is none in common', () => {
    expect(narrow(defaultPolicy('EU/FR'), defaultPolicy('AM')).allowedRegions).toEqual([]);
    const apart = narrow({ ...open, requiredRegion: 'EU' }, { ...open, requiredRegion: 'AM' });
    expect(apart.allowedRegions).toEqual([]);
  });
});
