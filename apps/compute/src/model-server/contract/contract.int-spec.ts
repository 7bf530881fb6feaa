import { deviations, pythonModels, realServerOnly } from './deviations.js';
import { fixtures } from './recordings.js';
import { type ContractResult, runContract } from './run-contract.js';
import { startTestServer, type TestServer } from './test-server.js';

describe('the recordings of a real server, replayed against the embedded one', () => {
  let server: TestServer;
  let results: ContractResult[];

  beforeAll(async () => {
    server = await startTestServer({ metricsPort: 0 });
    results = await runContract(server.url, { server: 'embedded', metricsUrl: server.metricsUrl });
  }, 120_000);
  afterAll(() => server.close());

  const named = (outcome: string) =>
    results.filter((result) => result.outcome === outcome).map((result) => result.name);

  it('differs nowhere', () => {
    expect(results.filter((result) => result.outcome === 'differs')).toEqual([]);
  });

  it('accounts for every recording', () => {
    expect(results).toHaveLength(193);
    expect(named('real-server-only')).toEqual(realServerOnly);
    expect(named('deviates-as-required')).toEqual(deviations.map((deviation) => deviation.name));
    expect(named('agrees')).toHaveLength(193 - realServerOnly.length - deviations.length);
  });

  it('leaves out exactly the exchanges of the models written in Python', () => {
    const paths = pythonModels.map((model) => `/models/${model}`);
    const theirs = fixtures().exchanges.filter(({ request }) =>
      paths.some((path) => request.path.match(new RegExp(`${path}(/|$)`))),
    );
    expect(theirs.map((exchange) => exchange.name)).toEqual(realServerOnly);
  });
});
