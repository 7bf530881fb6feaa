import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { eventually } from '#testing';
import { contentBatchType, encodeFrame, FrameReader } from '#transfer';
import { FakeTriton } from '../testing/fake-triton.js';
import { gatewayId, inferenceStand, send } from '../testing/inference-stand.js';
import { sampleModel } from '../testing/sample-model.js';

const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };
const ask = (data: string, shape = '[2]', rest = '') =>
  `{"id":"a","inputs":[{"name":"X","datatype":"FP32","shape":${shape},"data":${data}}]${rest}}`;

describe('an inference at a runner', () => {
  let triton: FakeTriton;
  let stand: Awaited<ReturnType<typeof inferenceStand>>;

  beforeEach(async () => {
    triton = new FakeTriton();
    await triton.start();
    stand = await inferenceStand({ supervisor: triton });
    expect(await stand.models.load({ ...placement, model: sampleModel({}) })).toEqual({ state: 'ready' });
  });

  afterEach(async () => {
    await stand.close();
    expect(stand.internal).toEqual([]);
    expect(stand.admission.inFlight).toBe(0);
  });

  const ahead = async (sizeBytes: number, count: number) => {
    const tickets = await stand.reserveAhead(sizeBytes, count);
    if ('refusal' in tickets) throw new Error(tickets.refusal.code);
    return tickets;
  };

  it('answers JSON with JSON, in the names of the cluster', async () => {
    const { status, json } = await stand.infer(ask('[1.5, 2]'));
    expect([status, json]).toEqual([
      200,
      {
        id: 'a',
        model_name: 'org--sample',
        model_version: '1',
        outputs: [{ name: 'Y', datatype: 'FP32', shape: [2], data: [2.5, 3] }],
      },
    ]);
  });

  it('answers in binary what is asked for in binary', async () => {
    const head = '{"inputs":[{"name":"X","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}],';
    const header = Buffer.from(`${head}"parameters":{"binary_data_output":true}}`);
    const value = Buffer.alloc(4);
    value.writeFloatLE(41);
    const { status, headers, bytes } = await stand.infer(Buffer.concat([header, value]), {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(header.byteLength),
    });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    const at = Number(headers.get('inference-header-content-length'));
    expect(bytes.subarray(at).readFloatLE(0)).toBe(42);
  });

  it('hands the model server a request of its own making', async () => {
    await stand.infer(ask('[1, 2]', '[2]', ',"parameters":{"custom":"x","priority":9}'));
    const [request] = triton.requests;
    expect(request?.path).toBe('/v2/models/org--sample/versions/1/infer');
    expect(JSON.parse(request?.body.subarray(0, request.headerLength).toString('utf8') ?? '')).toEqual({
      inputs: [{ name: 'X', shape: [2], datatype: 'FP32', parameters: { binary_data_size: 8 } }],
      parameters: { binary_data_output: true },
    });
  });

  const deep = `${'['.repeat(100_000)}1${']'.repeat(100_000)}`;
  it.each([
    ['a wrong datatype', ask('[1,2]').replace('FP32', 'FP64'), 400, 'tensor_invalid'],
    ['an unknown input', ask('[1,2]').replace('"X"', '"Z"'), 400, 'tensor_invalid'],
    ['no input', '{"inputs":[]}', 400, 'tensor_invalid'],
    ['an unknown output', ask('[1,2]', '[2]', ',"outputs":[{"name":"Q"}]'), 400, 'tensor_invalid'],
    ['a shape that the data does not have', ask('[1,2]', '[3]'), 400, 'tensor_shape_mismatch'],
    ['a shape of 2^31', ask('[1,2,3]', '[2147483648,4]'), 400, 'tensor_shape_mismatch'],
    ['a dimension too many', ask('[1,2]', '[1,2]'), 400, 'tensor_shape_mismatch'],
    ['a number beyond FP32', ask('[1,1e39]'), 400, 'tensor_out_of_range'],
    ['data nested 100,000 deep', ask(deep), 400, 'input_too_deep'],
    ['JSON nested 100,000 deep', `{"a":${deep}}`, 400, 'input_too_deep'],
    ['no JSON', '{"inputs"', 400, 'malformed_body'],
    ['nothing', ' ', 400, 'malformed_body'],
    ['another kind of document', '[]', 400, 'invalid_request'],
    [
      'a classification',
      ask('[1,2]', '[2]', ',"outputs":[{"name":"Y","parameters":{"classification":1}}]'),
      400,
      'invalid_request',
    ],
  ])('refuses %s, and asks the model server nothing', async (_, body, status, code) => {
    const answer = await stand.infer(body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(triton.requests).toEqual([]);
  });

  it('refuses bodies of other kinds and lengths than were announced', async () => {
    const body = Buffer.from(ask('[1,2]'));
    const ticket = await stand.reserve(body.byteLength - 1);
    if ('refusal' in ticket) throw new Error('refused');
    expect((await send(ticket, body)).json.code).toBe('body_too_large');
    expect((await stand.infer(body, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await stand.infer(body, { 'content-encoding': 'gzip' })).status).toBe(415);
    const binary = { 'content-type': 'application/octet-stream' };
    for (const length of ['', 'x', '-1', '0', '99999'])
      expect((await stand.infer(body, { ...binary, 'inference-header-content-length': length })).json.code).toBe(
        'invalid_request',
      );
  });

  describe('in a batch', () => {
    const batch = async (contents: readonly (readonly [string, string])[], frameBytes?: Buffer) => {
      const frames = contents.map(([token, body], id) =>
        encodeFrame({ id, status: 0, kind: 'json', token, body: Buffer.from(body) }),
      );
      const response = await fetch(`${stand.origin}/v1/inference/batch`, {
        method: 'POST',
        headers: { 'content-type': contentBatchType },
        body: frameBytes ?? Buffer.concat(frames.flat()),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.status !== 200) return { status: response.status, json: JSON.parse(bytes.toString()), answers: [] };
      const answers = new FrameReader(1_000_000).push(bytes).map(({ id, status, body }) => {
        const { code, outputs } = JSON.parse(body.toString());
        return [id, status, code ?? outputs[0].data];
      });
      return { status: 200, json: undefined, answers: answers.sort(([a], [b]) => Number(a) - Number(b)) };
    };
    const token = async (size: number) => {
      const ticket = await stand.reserve(size);
      if ('refusal' in ticket) throw new Error(ticket.refusal.code);
      return ticket.token;
    };

    it('answers each content as if it had come alone', async () => {
      const good = ask('[1,2]');
      const bad = ask('[1,2]', '[3]');
      const used = await token(good.length);
      const { answers } = await batch([
        [used, good],
        [await token(bad.length), bad],
        ['x'.repeat(43), good],
        [await token(good.length - 1), good],
        [used, good],
        [(await ahead(good.length, 1))[0]?.token ?? '', good],
      ]);
      expect(answers).toEqual([
        [0, 200, [2, 3]],
        [1, 400, 'tensor_shape_mismatch'],
        [2, 401, 'transfer_token_invalid'],
        [3, 413, 'body_too_large'],
        [4, 401, 'transfer_token_invalid'],
        [5, 200, [2, 3]],
      ]);
    });

    it('refuses what is no batch', async () => {
      const torn = Buffer.concat(encodeFrame({ id: 1, status: 0, kind: 'json', token: 't', body: Buffer.alloc(9) }));
      for (const bytes of [Buffer.from([0, 0, 0, 1]), Buffer.from('[{"id":1}]'), torn.subarray(0, -1)])
        expect(await batch([], bytes)).toMatchObject({ status: 400, json: { code: 'malformed_body' } });
      const many = Array.from({ length: 65 }, () => ['x'.repeat(43), '{}'] as const);
      expect(await batch(many)).toMatchObject({ status: 400, json: { code: 'malformed_body' } });
      expect((await fetch(`${stand.origin}/v1/inference/batch`, { method: 'POST', body: 'x' })).status).toBe(415);
    });
  });

  it('gives tickets ahead that take no place until their content comes, and only so many', async () => {
    const body = Buffer.from(ask('[1,2]'));
    const tickets = [...(await ahead(body.byteLength, 4)), ...(await ahead(body.byteLength, 6))];
    expect(new Set(tickets.map(({ token }) => token)).size).toBe(10);
    expect(stand.admission.inFlight).toBe(0);
    expect(await stand.reserveAhead(body.byteLength, 1)).toMatchObject({ refusal: { code: 'overloaded' } });
    const [first, second] = tickets;
    if (!first || !second) throw new Error('refused');
    expect((await send(first, body)).status).toBe(200);
    expect((await send(first, body)).status).toBe(401);
    expect((await send(second, Buffer.concat([body, Buffer.from(' ')]))).status).toBe(413);
    // Two are used: there is room for two, and for no book of three.
    expect(await stand.reserveAhead(body.byteLength, 3)).toMatchObject({ refusal: { code: 'overloaded' } });
    expect(await ahead(body.byteLength, 2)).toHaveLength(2);
  });

  it('honours a token once, and no other', async () => {
    const body = Buffer.from(ask('[1,2]'));
    const ticket = await stand.reserve(body.byteLength);
    if ('refusal' in ticket) throw new Error('refused');
    expect((await send(ticket, body)).status).toBe(200);
    expect([
      (await send(ticket, body)).status,
      (await send({ ...ticket, token: 'x'.repeat(43) }, body)).status,
    ]).toEqual([401, 401]);
    expect((await fetch(ticket.url, { method: 'POST' })).status).toBe(401);
    expect((await fetch(ticket.url)).status).toBe(405);
    expect((await fetch(stand.origin)).status).toBe(404);
  });

  it('refuses to write NaN as JSON, and gives it in binary', async () => {
    triton.answer = () => Number.NaN;
    expect((await stand.infer(ask('[1,2]'))).json).toMatchObject({ code: 'tensor_invalid' });
    const binary = await stand.infer(
      ask('[1,2]', '[2]', ',"outputs":[{"name":"Y","parameters":{"binary_data":true}}]'),
    );
    expect(binary.status).toBe(200);
    expect(binary.bytes.readFloatLE(binary.bytes.byteLength - 4)).toBeNaN();
  });

  it('says so when the model fails, and does not try again', async () => {
    triton.fault = { kind: 'status', status: 500, error: 'the graph failed' };
    expect((await stand.infer(ask('[1,2]'))).json).toMatchObject({ code: 'inference_failed' });
    triton.fault = { kind: 'body', body: 'not of the protocol' };
    expect((await stand.infer(ask('[1,2]'))).json).toMatchObject({ code: 'inference_failed' });
    triton.fault = { kind: 'body', body: '{}', headerLength: '99' };
    expect((await stand.infer(ask('[1,2]'))).json).toMatchObject({ code: 'inference_failed' });
    expect(triton.requests).toHaveLength(3);
    expect([...stand.models.all()][0]?.counts.errors).toBe(3);
  });

  it('does not take a busy model for a dead one', async () => {
    triton.fault = { kind: 'status', status: 503, error: 'Exceeds maximum queue size' };
    for (let i = 0; i < 10; i++) expect((await stand.infer(ask('[1,2]'))).json).toMatchObject({ code: 'overloaded' });
    expect(triton.loads).toHaveLength(1);
  });

  it('takes five failures in a row for a dead model: ready alone is not health', async () => {
    triton.fault = { kind: 'status', status: 500, error: 'Failed to process the request(s)' };
    for (let i = 0; i < 5; i++) await stand.infer(ask('[1,2]'));
    triton.fault = { kind: 'none' };
    await eventually(() => triton.loads.length === 2);
    await eventually(async () => (await stand.infer(ask('[1,2]'))).status === 200);
  });

  it('ends at its deadline', async () => {
    triton.fault = { kind: 'hang' };
    const startedAt = performance.now();
    const answer = await stand.infer(ask('[1,2]'), { 'watershed-timeout-ms': '50' });
    expect([answer.status, answer.json.code]).toEqual([504, 'deadline_exceeded']);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    triton.fault = { kind: 'none' };
    expect((await stand.infer(ask('[1,2]'))).status).toBe(200);
  });

  it('answers model_crashed at once when the process dies, and the model is back without a hand', async () => {
    triton.fault = { kind: 'status', status: 500, error: "model 'm' failed: the model's process ended (SIGKILL)" };
    const answer = await stand.infer(ask('[1,2]'));
    expect([answer.status, answer.json.code]).toEqual([502, 'model_crashed']);
    expect(triton.requests).toHaveLength(1);
    triton.fault = { kind: 'none' };
    await eventually(async () => (await stand.infer(ask('[1,2]'))).status === 200);
    expect(triton.loads).toHaveLength(2);
  });

  it('answers model_server_unavailable when the server goes, and recovers when it is back', async () => {
    triton.fault = { kind: 'hang-up' };
    const answer = await stand.infer(ask('[1,2]'));
    expect([answer.status, answer.json.code]).toEqual([503, 'model_server_unavailable']);
    triton.fault = { kind: 'none' };
    // As a Triton that somebody restarted: it is there, and knows of nothing.
    triton.index = [];
    await eventually(() => triton.loads.length === 2);
    await eventually(async () => (await stand.infer(ask('[1,2]'))).status === 200);
  });

  it('gives back the place of a caller that hangs up in mid-body', async () => {
    const ticket = await stand.reserve(1_000);
    if ('refusal' in ticket) throw new Error('refused');
    const request = httpRequest(ticket.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ticket.token}`,
        'content-type': 'application/json',
        'content-length': 1_000,
        expect: '100-continue',
      },
    });
    request.on('error', () => undefined);
    request.flushHeaders();
    await once(request, 'continue');
    request.write('{"inputs":');
    request.destroy();
    await eventually(() => stand.admission.inFlight === 0);
  });

  it('finishes what is in flight before it closes', async () => {
    triton.fault = { kind: 'hang' };
    const waiting = stand.infer(ask('[1,2]'), { 'watershed-timeout-ms': '150' });
    await eventually(() => triton.requests.length === 1);
    await stand.http.drain();
    expect((await waiting).status).toBe(504);
  });
});

describe('a model that hangs on a Triton of somebody else', () => {
  it('gets no more work, and is well when its server shows that it answers', async () => {
    const triton = new FakeTriton();
    await triton.start();
    const stand = await inferenceStand({ supervisor: triton, inferTimeoutMs: 200 });
    await stand.models.load({ ...placement, model: sampleModel({}) });
    triton.fault = { kind: 'hang' };
    const first = stand.infer(ask('[1,2]'));
    await eventually(() => triton.requests.length === 1);
    const body = Buffer.from(ask('[1,2]'));
    const reserved = await stand.reserve(body.byteLength);
    if ('refusal' in reserved) throw new Error('refused');
    expect((await first).json.code).toBe('deadline_exceeded');
    await eventually(() => stand.models.find('org/sample')?.state === 'quarantined');
    // A ticket that was given before, and one that nobody gets now.
    expect((await send(reserved, body)).json).toMatchObject({ code: 'model_not_ready' });
    const refused = await stand.reserve(10);
    expect(refused).toMatchObject({
      refusal: { code: 'model_not_ready', details: { state: 'quarantined' } },
    });
    expect(triton.loads).toHaveLength(1);
    // Its statistics are looked at while it says that it is ready; then the hung request comes to its end after all.
    await eventually(() => stand.models.find('org/sample')?.successesBefore === 0);
    triton.fault = { kind: 'none' };
    triton.successes += 1;
    await eventually(async () => (await stand.infer(ask('[1,2]')).catch(() => undefined))?.status === 200);
    expect(triton.loads).toHaveLength(1);
    await stand.close();
  });

  it('tells those who wait behind it, and loads it again on a server that was started anew', async () => {
    const triton = new FakeTriton();
    await triton.start();
    const stand = await inferenceStand({ supervisor: triton, inferTimeoutMs: 300 });
    await stand.models.load({ ...placement, model: sampleModel({}) });
    triton.fault = { kind: 'hang' };
    const first = stand.infer(ask('[1,2]'), { 'watershed-timeout-ms': '100' });
    await eventually(() => triton.requests.length === 1);
    expect((await first).json.code).toBe('deadline_exceeded');
    expect(stand.models.find('org/sample')?.state).toBe('ready');
    expect((await stand.infer(ask('[1,2]'))).json.code).toBe('model_crashed');
    triton.fault = { kind: 'none' };
    triton.index = [];
    await eventually(() => triton.loads.length === 2);
    await eventually(async () => (await stand.infer(ask('[1,2]'))).status === 200);
    await stand.close();
  });
});

describe('a place at a runner', () => {
  it('is given by grant, policy, model and room, one refusal an item', async () => {
    const triton = new FakeTriton();
    await triton.start();
    const stand = await inferenceStand({ supervisor: triton, capacity: 2, maxBodyBytes: 100 });
    await stand.models.load({ ...placement, model: sampleModel({}) });
    const item = {
      taskId: placement.placementId,
      grant: 0,
      sizeBytes: 10,
      model: 'org/sample',
      form: 'tensors' as const,
    };
    const answers = await stand.desk.reserve(
      {
        grants: ['good', 'forged', 'theirs', 'abroad'],
        items: [
          { ...item, grant: 1 },
          { ...item, grant: 2 },
          { ...item, grant: 9 },
          { ...item, grant: 3 },
          { ...item, model: 'org/other' },
          { ...item, version: '9.9.9' },
          { ...item, form: 'text' },
          { ...item, sizeBytes: 101 },
          item,
          item,
          item,
        ],
      },
      gatewayId,
    );
    expect(answers.map((answer) => ('refusal' in answer ? answer.refusal.code : 'ticket'))).toEqual([
      'grant_invalid',
      'grant_invalid',
      'grant_invalid',
      'policy_forbids',
      'model_unknown',
      'model_unknown',
      'text_invalid',
      'body_too_large',
      'ticket',
      'ticket',
      'overloaded',
    ]);
    await stand.close();
  });
});
