import { optionalTool } from '#testing';
import { pythonModels, realServerOnly } from './deviations.js';
import { startRealTriton, tritonAbsence } from './real-triton.js';
import { fixtures } from './recordings.js';
import { type ContractOptions, type ContractResult, deviationsOf, runContract } from './run-contract.js';
import { startTestServer } from './test-server.js';

interface ContractServer {
  readonly url: string;
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** `leftOut`: the recordings that this server is not asked for. */
function describeContract(
  server: ContractOptions['server'],
  leftOut: readonly string[],
  start: () => Promise<ContractServer>,
): void {
  let running: ContractServer;
  let results: ContractResult[];

  beforeAll(async () => {
    running = await start();
    results = await runContract(running.url, { server, metricsUrl: running.metricsUrl });
  }, 180_000);
  afterAll(() => running.stop());

  const named = (outcome: string) =>
    results.filter((result) => result.outcome === outcome).map((result) => result.name);

  it('differs nowhere', () => {
    expect(results.filter((result) => result.outcome === 'differs')).toEqual([]);
  });

  it('accounts for every recording', () => {
    expect(results).toHaveLength(193);
    expect(named('real-server-only')).toEqual(leftOut);
    expect(named('deviates-as-required')).toEqual(deviationsOf(server).map((deviation) => deviation.name));
    expect(named('agrees')).toHaveLength(193 - leftOut.length - deviationsOf(server).length);
  });
}

describe('the recordings of a real server, replayed against the embedded one', () => {
  describeContract('embedded', realServerOnly, async () => {
    const server = await startTestServer({ metricsPort: 0 });
    return { ...server, stop: () => server.close() };
  });

  it('leaves out exactly the exchanges of the models written in Python', () => {
    const paths = pythonModels.map((model) => `/models/${model}`);
    const theirs = fixtures().exchanges.filter(({ request }) =>
      paths.some((path) => request.path.match(new RegExp(`${path}(/|$)`))),
    );
    expect(theirs.map((exchange) => exchange.name)).toEqual(realServerOnly);
  });
});

// Two dozen loads at a second and a half each: `npm test` compares the two servers by `same-answers.int-spec.ts` alone.
if (process.env.WATERSHED_TEST_ALL === '1')
  optionalTool('triton', tritonAbsence()).describe(
    'the recordings of a real server, replayed against a real Triton',
    () => {
      describeContract('triton', [], startRealTriton);
    },
  );
