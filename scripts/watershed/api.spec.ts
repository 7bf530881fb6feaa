import { Api } from './api.js';

describe('the command line’s way to a gateway', () => {
  it.each(['http://192.0.2.1:4100', 'HTTP://gateway.example'])('carries no key to %s in plain text', async (url) => {
    const api = new Api({ url, dataFolder: '/nowhere', key: 'hunter2' });
    const refusal = await api.request('GET', '/v1/me').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ name: 'CommandError', code: 'plain_text' });
    expect(String(refusal)).toMatch(/plain text/);
    expect(String(refusal)).not.toContain('hunter2');
  });

  it('carries it to this machine, and to the hosts that are declared', async () => {
    const kept = process.env.WATERSHED_INTERNAL_NETWORK;
    process.env.WATERSHED_INTERNAL_NETWORK = '127.0.0.2';
    try {
      for (const url of ['http://localhost:1', 'http://127.0.0.2:1']) {
        const api = new Api({ url, dataFolder: '/nowhere', key: 'k' });
        await expect(api.request('GET', '/v1/me')).rejects.toMatchObject({ code: 'unreachable' });
      }
    } finally {
      if (kept === undefined) delete process.env.WATERSHED_INTERNAL_NETWORK;
      else process.env.WATERSHED_INTERNAL_NETWORK = kept;
    }
  });
});
