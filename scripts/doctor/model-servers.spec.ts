import { readModelServers } from './model-servers.js';

describe('the model servers that metrics tell of', () => {
  it('are read with kind, version and whether they answer', () => {
    const page = [
      '# HELP watershed_runner_model_server Whether it answers, by what it is',
      '# TYPE watershed_runner_model_server gauge',
      'watershed_runner_model_server{kind="triton",version="2.51.0",service="runner"} 1',
      'watershed_runner_model_server{service="runner",version="",kind="embedded"} 0',
      'watershed_runner_model_memory_free_bytes{service="runner"} 1',
    ].join('\n');
    expect(readModelServers(page)).toEqual([
      { kind: 'triton', version: '2.51.0', live: true },
      { kind: 'embedded', version: '', live: false },
    ]);
  });
});
