import { runnerReserve, tollRecordUsage } from '#contracts';
import { WatershedError } from '#errors';
import { eventually } from '#testing';
import { fakeNode, runnerNodeId } from '../testing/fake-cluster.js';
import { TestGateway } from '../testing/test-gateway.js';

const model = 'watershed/language-id';
const text = { model, text: 'Ogni persona ha diritto alla libertà.' };

describe('inference', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start({ GATEWAY_BLOCK_REQUESTS: '8' });
  }, 60_000);
  afterEach(() => gateway.stop());

  const usageOf = (personId: string) =>
    [...gateway.services.usage.values()].filter((event) => event.personId === personId);

  it('answers a text with labels, route and the cost that was quoted, with its usage durable', async () => {
    const { key, personId } = await gateway.signUp();
    const quote = await gateway.ask('POST', '/v1/prices/quote', { key, json: text });
    const answer = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        model,
        version: '1.0.0',
        labels: [{ label: 'it', probability: 0.97 }, {}],
        cost: { amountMicro: quote.body.amountMicro, asset: 'drop' },
      },
    });
    expect(answer.headers.get('watershed-route')).toBe(
      `local; node=${runnerNodeId}; region=EU/FR; model=${model}; version=1.0.0`,
    );
    expect(answer.headers.get('watershed-cost-micro')).toBe('150');
    expect(usageOf(personId)).toEqual([
      expect.objectContaining({
        usageId: answer.body.usageId,
        amountMicro: '150',
        outcome: 'answered',
        inputBytes: Buffer.byteLength(text.text),
      }),
    ]);
    const [sent] = gateway.content.sent;
    expect(JSON.parse(String(sent?.body))).toEqual({ text: text.text });
  });

  it('passes tensors through as the bytes they are, JSON and binary', async () => {
    const { key } = await gateway.signUp();
    gateway.content.answer = () => ({
      bytes: Buffer.from([1, 2, 3]),
      headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': '2' },
    });
    const body = new Uint8Array([123, 125, 0, 255, 7]);
    const binary = await fetch(`${gateway.url}/v2/models/watershed--language-id/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'inference-header-content-length': '2' },
      body,
    });
    expect(binary.status).toBe(200);
    expect(binary.headers.get('inference-header-content-length')).toBe('2');
    expect([...new Uint8Array(await binary.arrayBuffer())]).toEqual([1, 2, 3]);
    const [sent] = gateway.content.sent;
    expect([...(sent?.body ?? [])]).toEqual([...body]);
    expect(sent?.request.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'inference-header-content-length': '2',
    });
    const [reserved] = gateway.cluster.callsOf(runnerReserve);
    expect(reserved).toMatchObject({ items: [{ model, form: 'tensors', sizeBytes: 5 }] });
  });

  it('answers many at once, each under a usage id of its own', async () => {
    const { key } = await gateway.signUp();
    await gateway.ask('POST', '/v1/infer', { key, json: text });
    const all = await Promise.all(
      Array.from({ length: 40 }, () => gateway.ask('POST', '/v1/infer', { key, json: text })),
    );
    expect(all.map(({ status }) => status)).toEqual(Array(40).fill(200));
    expect(new Set(all.map(({ body }) => body.usageId)).size).toBe(40);
    expect(gateway.services.usage.size).toBe(41);
  });

  it('spends a purse to its last whole request and no further, however many ask at once', async () => {
    gateway.services.openingMicro = 1_600n; // ten requests of 150, and 100 over
    const { key, personId } = await gateway.signUp();
    const all = await Promise.all(
      Array.from({ length: 30 }, () => gateway.ask('POST', '/v1/infer', { key, json: text })),
    );
    const answered = all.filter(({ status }) => status === 200).length;
    for (const { status, body } of all)
      if (status !== 200) expect(body).toMatchObject({ code: 'purse_empty', status: 402 });
    expect(answered).toBe(10);
    expect(usageOf(personId)).toHaveLength(10);
    expect(gateway.services.purses.get(personId)).toBe(100n);
    await gateway.ask('POST', '/v1/grants', { key: gateway.operatorKey(), json: { personId, amountMicro: '150' } });
    expect((await gateway.ask('POST', '/v1/infer', { key, json: text })).status).toBe(200);
  });

  it('asks another runner once when the first refuses a place', async () => {
    const other = 'Q'.repeat(43);
    gateway.cluster.entries.push(fakeNode(other, 'runner', model));
    const { key } = await gateway.signUp();
    gateway.cluster.handle(runnerReserve, ({ items }, to) =>
      to === runnerNodeId
        ? { items: items.map(() => ({ refusal: { code: 'overloaded', message: 'full' } })) }
        : { items: items.map(() => ({ url: 'http://127.0.0.1:9/', token: 't'.repeat(43), maxBytes: 1_000 })) },
    );
    const answer = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('watershed-route')).toContain(`node=${other}`);
    expect(answer.headers.get('watershed-route')).toContain('attempts=2');
  });

  it.each([
    ['another port of this machine', 'http://127.0.0.1:10/v1/inference'],
    ['another machine', 'https://elsewhere.example/v1/inference'],
  ])('sends nothing to %s, where a runner names that instead of its own', async (_, url) => {
    const { key, personId } = await gateway.signUp();
    gateway.cluster.handle(runnerReserve, ({ items }) => ({
      items: items.map(({ ahead }) => {
        const tokens = Array<string>(ahead ?? 1).fill('t'.repeat(43));
        return ahead === undefined ? { url, token: 't'.repeat(43), maxBytes: 1_000 } : { url, tokens, maxBytes: 1_000 };
      }),
    }));
    for (let request = 0; request < 3; request++) {
      const answer = await gateway.ask('POST', '/v1/infer', { key, json: text });
      expect(answer).toMatchObject({ status: 503, body: { code: 'node_unreachable' } });
    }
    expect(gateway.content.sent).toEqual([]);
    expect(usageOf(personId)).toEqual([]);
  });

  it('calls a model that is approved here a matter of moments where a runner has just started and does not know it', async () => {
    const { key } = await gateway.signUp();
    gateway.cluster.handle(runnerReserve, ({ items }) => ({
      items: items.map(() => ({ refusal: { code: 'model_unknown', message: 'What is that?' } })),
    }));
    const asked = async () => (await gateway.ask('POST', '/v1/infer', { key, json: text })).body;
    expect(await asked()).toMatchObject({ code: 'model_unknown' });
    gateway.services.distributed.add(model);
    expect(await asked()).toMatchObject({ code: 'model_not_ready', status: 503, retryAfterMs: expect.any(Number) });
  });

  it('says of a model just withdrawn what an inference would meet: ready until its runners have let go of it', async () => {
    const { key } = await gateway.signUp();
    const ready = async () =>
      (await gateway.ask('GET', `/v2/models/${model.replace('/', '--')}/ready`, { key })).status;
    expect([gateway.services.distributed.has(model), await ready()]).toEqual([false, 200]);
    for (const entry of gateway.cluster.entries) for (const served of entry.models) served.ready = false;
    expect(await ready()).toBe(404);
  });

  it('asks anew where a runner no longer knows the ticket that it gave ahead', async () => {
    const { key } = await gateway.signUp();
    const { answer } = gateway.content;
    const reservations = () => gateway.cluster.callsOf(runnerReserve).length;
    const isAhead = () => gateway.content.sent.at(-1)?.ticket.maxBytes === 16_384;
    await gateway.ask('POST', '/v1/infer', { key, json: text });
    await eventually(() => expect(reservations()).toBe(2));
    gateway.content.answer = (body, request) =>
      isAhead()
        ? { status: 401, json: { code: 'transfer_token_invalid', message: 'Unknown.' } }
        : answer(body, request);
    const again = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect([again.status, again.headers.get('watershed-route')]).toEqual([
      200,
      expect.not.stringContaining('attempts'),
    ]);
    expect(gateway.content.sent.map(({ ticket }) => ticket.maxBytes === 16_384)).toEqual([false, true, false]);
  });

  it.each([
    ['takes another runner', true],
    ['is refused and charged nothing', false],
  ])('where a model was unloaded since its runner gave a ticket ahead, the next request %s', async (_, another) => {
    const { key, personId } = await gateway.signUp();
    await gateway.ask('POST', '/v1/infer', { key, json: text });
    await eventually(() => expect(gateway.cluster.callsOf(runnerReserve)).toHaveLength(2));
    const other = 'Q'.repeat(43);
    const unknown = { code: 'model_unknown', message: 'This runner does not serve it.' };
    // The watch still names the first runner alone when the request chooses; the second is for the second attempt.
    const { answer } = gateway.content;
    gateway.content.answer = (body, request) => {
      if (gateway.content.sent.at(-1)?.ticket.maxBytes !== 16_384) return answer(body, request);
      if (another) gateway.cluster.entries.push(fakeNode(other, 'runner', model));
      return { status: 404, json: unknown };
    };
    gateway.cluster.handle(runnerReserve, ({ items }, to) => ({
      items: items.map(() =>
        to === other ? { url: 'http://127.0.0.1:9/', token: 't'.repeat(43), maxBytes: 1_000 } : { refusal: unknown },
      ),
    }));
    const next = await gateway.ask('POST', '/v1/infer', { key, json: text });
    if (another) {
      expect(next.status).toBe(200);
      expect(next.headers.get('watershed-route')).toContain(`node=${other}`);
    } else {
      expect(next).toMatchObject({ status: 404, body: { code: 'model_unknown' } });
    }
    const [first, ...later] = usageOf(personId).map(({ amountMicro, outcome }) => [amountMicro, outcome]);
    expect(later).toEqual([another ? first : ['0', 'failed']]);
    await gateway.app.drain();
    expect(gateway.services.heldMicro(personId)).toBe(0n);
    const paid = usageOf(personId).reduce((sum, { amountMicro }) => sum + BigInt(amountMicro), 0n);
    expect(gateway.services.purses.get(personId)).toBe(gateway.services.openingMicro - paid);
  });

  it('never repeats an inference that may have run, charges nothing for it, and holds nothing', async () => {
    gateway.cluster.entries.push(fakeNode('Q'.repeat(43), 'runner', model));
    const { key, personId } = await gateway.signUp();
    gateway.content.answer = () => ({ status: 502, json: { code: 'model_crashed', message: 'The process died.' } });
    const crashed = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect(crashed).toMatchObject({ status: 502, body: { code: 'model_crashed' } });
    expect(gateway.content.sent).toHaveLength(1);
    gateway.content.answer = () => Promise.reject(new WatershedError('node_unreachable', 'Gone.'));
    expect((await gateway.ask('POST', '/v1/infer', { key, json: text })).body).toMatchObject({
      code: 'node_unreachable',
    });
    expect(gateway.content.sent).toHaveLength(2);
    expect(usageOf(personId).map(({ amountMicro, outcome }) => [amountMicro, outcome])).toEqual([
      ['0', 'failed'],
      ['0', 'failed'],
    ]);
    await gateway.app.drain();
    expect(gateway.services.heldMicro(personId)).toBe(0n);
    expect(gateway.services.purses.get(personId)).toBe(gateway.services.openingMicro);
  });

  it('refuses a model that nobody has, one that is loading, and a region that the policy forbids', async () => {
    const { key } = await gateway.signUp();
    expect(
      (await gateway.ask('POST', '/v1/infer', { key, json: { ...text, model: 'nobody/nothing' } })).body,
    ).toMatchObject({ code: 'model_unknown', status: 404 });
    expect((await gateway.ask('POST', '/v1/infer', { key, json: { ...text, version: '9.9.9' } })).body).toMatchObject({
      code: 'model_unknown',
    });
    gateway.services.distributed.add('somebody/away');
    expect(
      (await gateway.ask('POST', '/v1/infer', { key, json: { ...text, model: 'somebody/away' } })).body,
    ).toMatchObject({ code: 'model_not_ready', status: 503, retryAfterMs: expect.any(Number) });
    for (const entry of gateway.cluster.entries) for (const served of entry.models) served.ready = false;
    expect((await gateway.ask('POST', '/v1/infer', { key, json: text })).body).toMatchObject({
      code: 'model_not_ready',
      status: 503,
    });
    for (const entry of gateway.cluster.entries) for (const served of entry.models) served.ready = true;
    const narrowed = await gateway.ask('POST', '/v1/infer', {
      key,
      json: { ...text, policy: { allowedRegions: ['EU/DE'] } },
    });
    expect(narrowed.body).toMatchObject({ code: 'policy_forbids', status: 403 });
    expect(gateway.content.sent).toHaveLength(0);
    expect((await gateway.ask('GET', '/v2/models/no--thing', { key })).body).toMatchObject({
      code: 'model_unknown',
      error: expect.any(String),
    });
  });

  it('draws a new block when toll no longer honours the old one, and charges once', async () => {
    const { key, personId } = await gateway.signUp();
    await gateway.ask('POST', '/v1/infer', { key, json: text });
    for (const block of gateway.services.blocks.values()) block.released = true;
    const answer = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect(answer.status).toBe(200);
    expect(usageOf(personId)).toHaveLength(2);
    expect(gateway.services.blocks.size).toBe(2);
  });

  it('answers nothing whose usage is not durable', async () => {
    const { key, personId } = await gateway.signUp();
    gateway.cluster.handle(tollRecordUsage, () => {
      throw new WatershedError('database_unavailable', 'No database.');
    });
    const answer = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    expect(answer.text).not.toContain('labels');
    expect(usageOf(personId)).toEqual([expect.objectContaining({ amountMicro: '0', outcome: 'failed' })]);
    expect(gateway.services.purses.get(personId)).toBe(gateway.services.openingMicro);
  });

  it('charges who hangs up for what ran', async () => {
    const { key, personId } = await gateway.signUp();
    const release = gateway.content.hold();
    const leaving = new AbortController();
    const asked = fetch(`${gateway.url}/v1/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(text),
      signal: leaving.signal,
    });
    await eventually(() => expect(gateway.content.sent).toHaveLength(1));
    leaving.abort();
    await expect(asked).rejects.toThrow();
    // The request is gone, what runs for it is not.
    await eventually(async () => {
      const text = await gateway.app.metrics.getSingleMetricAsString('watershed_requests_in_flight');
      expect(text).toMatch(/watershed_requests_in_flight\S* 1$/m);
    });
    release();
    await eventually(() =>
      expect(usageOf(personId)).toEqual([expect.objectContaining({ outcome: 'abandoned', amountMicro: '150' })]),
    );
  });
});
