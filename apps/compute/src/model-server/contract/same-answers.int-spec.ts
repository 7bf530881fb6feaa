import fc from 'fast-check';
import type { LocalTriton } from '#local-services';
import { optionalTool, propertyLimitMs, propertyRuns } from '#testing';
import { allBases, modelsOf, someBases } from './base-requests.js';
import { differences } from './compare-answers.js';
import { killsTriton, knownDifferences } from './known-differences.js';
import { type MutatedRequest, mutatedRequests } from './mutated-requests.js';
import { startRealTriton, tritonAbsence } from './real-triton.js';
import type { Answer } from './recordings.js';
import { requestChange } from './request-changes.js';
import { exchangeWith } from './run-contract.js';
import { startTestServer, type TestServer } from './test-server.js';
import { unrecordedCases } from './unrecorded-cases.js';

const all = process.env.WATERSHED_TEST_ALL === '1';
const bases = all ? allBases : someBases;
const severalFaults = 'of several faults each server names another one first';
const statusClass = ({ status }: Answer) => `${Math.floor(status / 100)}xx`;

optionalTool('triton', tritonAbsence()).describe('the embedded server and a real Triton', () => {
  let triton: LocalTriton;
  let embedded: TestServer;

  beforeAll(async () => {
    [triton, embedded] = await Promise.all([startRealTriton(), startTestServer()]);
    const load = async (model: string) => {
      const path = `/v2/repository/models/${model}/load`;
      const answers = [triton.url, embedded.url].map((url) =>
        exchangeWith(`${url}${path}`, { method: 'POST', headers: {} }, Buffer.alloc(0)),
      );
      for (const answer of await Promise.all(answers))
        if (answer.status !== 200) throw new Error(answer.body.toString());
    };
    await Promise.all(modelsOf(bases).map(load));
  }, 120_000);
  afterAll(() => Promise.all([triton.stop(), embedded.close()]));

  const ask = (url: string, { path, headers, body }: MutatedRequest) =>
    exchangeWith(`${url}${path}`, { method: 'POST', headers }, body);
  const askTriton = (request: MutatedRequest) =>
    ask(triton.url, request).catch((error: unknown) => {
      throw new Error(`Triton did not survive this, so it belongs to killsTriton(): ${request.shown}`, {
        cause: error,
      });
    });
  const differencesOf = (request: MutatedRequest, ours: Answer, theirs: Answer) => {
    if (statusClass(ours) !== statusClass(theirs))
      return [`${ours.status} ${ours.body} here, ${theirs.status} ${theirs.body} there`];
    return theirs.status === 200 ? differences(request.path, theirs, ours) : [];
  };
  const knownDifference = async (request: MutatedRequest, ours: Answer, theirs: Answer) => {
    const known = knownDifferences.find(({ holds }) => holds(request, ours, theirs));
    if (known) return known.why;
    const refused = ours.status >= 400 && theirs.status >= 400 && statusClass(ours) !== statusClass(theirs);
    const parts = request.parts();
    if (!refused || parts.length === 0) return undefined;
    // Of several faults each server names the one that it meets first; about each of them alone they must agree.
    for (const part of parts)
      if (killsTriton(part) || differencesOf(part, await ask(embedded.url, part), await askTriton(part)).length > 0)
        return undefined;
    return severalFaults;
  };
  /** How many requests met what. */
  const met = new Map<string, number>();
  const count = (what: string) => met.set(what, (met.get(what) ?? 0) + 1);

  it(
    'give almost right requests the same status class and the same numbers',
    async () => {
      const property = fc.asyncProperty(mutatedRequests(bases, requestChange), async (request) => {
        const ours = await ask(embedded.url, request);
        if (killsTriton(request)) {
          count('kept from Triton');
          expect([ours.status, request.shown]).toEqual([expect.not.stringMatching('200'), request.shown]);
          return;
        }
        const theirs = await askTriton(request);
        const known = await knownDifference(request, ours, theirs);
        count(known ?? statusClass(theirs));
        if (known) return;
        const found = differencesOf(request, ours, theirs);
        if (found.length > 0) throw new Error(`${found.join('\n')}\n${request.shown}`);
      });
      await fc.assert(property, propertyRuns(600));
      // It reaches what it is about, and the exceptions stay exceptions.
      const share = (...names: string[]) =>
        names.reduce((sum, name) => sum + (met.get(name) ?? 0), 0) / [...met.values()].reduce((sum, n) => sum + n, 0);
      for (const name of ['2xx', '4xx', '5xx']) expect([name, share(name) > 0.1]).toEqual([name, true]);
      expect(share(...knownDifferences.map(({ why }) => why), severalFaults, 'kept from Triton')).toBeLessThan(0.1);
    },
    propertyLimitMs(120_000, 5),
  );

  it.each(unrecordedCases.filter(({ own }) => !own))(
    'answer alike: $name',
    async ({ method = 'POST', path, headers = {}, body = '', status }) => {
      const answers = [triton.url, embedded.url].map((url) =>
        exchangeWith(`${url}${path}`, { method, headers }, Buffer.from(body)),
      );
      expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([status, status]);
    },
  );
});
