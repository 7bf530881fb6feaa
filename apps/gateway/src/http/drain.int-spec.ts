import { connect } from 'node:net';
import { jest } from '@jest/globals';
import { eventually } from '#testing';
import { TransferClient } from '#transfer';
import { TestGateway } from '../testing/test-gateway.js';

describe('stopping', () => {
  it('says that it is not ready, answers all that is here, meters it, and gives the budget back', async () => {
    const gateway = await TestGateway.start();
    const { key, personId } = await gateway.signUp();
    const release = gateway.content.hold();
    const asked = Array.from({ length: 8 }, () =>
      gateway.ask('POST', '/v1/infer', { key, json: { model: 'watershed/language-id', text: 'Addio.' } }),
    );
    await eventually(() => expect(gateway.content.sent).toHaveLength(8));
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    await gateway.ask('GET', '/health/live');
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    const drained = gateway.app.drain();
    // A connection that is open already is still answered, and told to go elsewhere.
    socket.write('GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n');
    await eventually(() => expect(heard).toContain('shutting_down'));
    expect(heard.toLowerCase()).toContain('connection: close');
    expect(gateway.cluster).toMatchObject({ draining: true, left: false });
    release();
    for (const { status, headers } of await Promise.all(asked)) {
      expect(status).toBe(200);
      expect(headers.get('connection')).toBe('close');
    }
    await drained;
    expect(gateway.cluster.left).toBe(true);
    expect(gateway.services.usage.size).toBe(8);
    expect(gateway.services.heldMicro(personId)).toBe(0n);
    await expect(fetch(`${gateway.url}/health/live`)).rejects.toThrow();
    await gateway.stop();
  }, 20_000);

  it('amends the usage of what the drain limit cut off, before the cluster is left alone', async () => {
    const gateway = await TestGateway.start({ GATEWAY_DRAIN_LIMIT_MS: '100' });
    const { key } = await gateway.signUp();
    const outcomes = () =>
      [...gateway.services.usage.values()].map(({ amountMicro, outcome }) => [amountMicro, outcome]);
    // The runner is heard when its connection ends, and that is when the gateway closes it.
    const closed = jest.spyOn(TransferClient.prototype, 'close');
    gateway.content.answer = async () => {
      await eventually(() => expect(closed).toHaveBeenCalled());
      return { status: 502, json: { code: 'model_crashed', message: 'The process died.' } };
    };
    let whenClusterClosed: unknown;
    gateway.cluster.close = async () => {
      whenClusterClosed = outcomes();
    };
    const hangUp = new AbortController();
    const asked = fetch(`${gateway.url}/v1/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'watershed/language-id', text: 'Addio.' }),
      signal: hangUp.signal,
    });
    await eventually(() => expect(outcomes()).toEqual([['150', 'answered']]));
    hangUp.abort();
    await expect(asked).rejects.toThrow();
    await gateway.stop();
    closed.mockRestore();
    expect(whenClusterClosed).toEqual([['0', 'failed']]);
  }, 20_000);
});
