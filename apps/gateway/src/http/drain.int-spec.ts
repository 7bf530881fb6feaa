import { connect } from 'node:net';
import { eventually } from '#testing';
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
});
