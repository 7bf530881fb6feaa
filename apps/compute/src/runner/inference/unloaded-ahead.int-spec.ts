import { FakeTriton } from '../testing/fake-triton.js';
import { inferenceStand, send } from '../testing/inference-stand.js';
import { sampleModel } from '../testing/sample-model.js';

const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };
const body = Buffer.from('{"inputs":[{"name":"X","datatype":"FP32","shape":[2],"data":[1,2]}]}');

describe('a ticket that was given ahead for a model that is unloaded since', () => {
  let triton: FakeTriton;
  let stand: Awaited<ReturnType<typeof inferenceStand>>;

  beforeEach(async () => {
    triton = new FakeTriton();
    await triton.start();
    stand = await inferenceStand({ supervisor: triton });
    await stand.models.load({ ...placement, model: sampleModel({}) });
  });
  afterEach(() => stand.close());

  it('is refused as for a model that is not ready, and runs nothing', async () => {
    const tickets = await stand.reserveAhead(body.byteLength, 2);
    if ('refusal' in tickets) throw new Error(tickets.refusal.code);
    const [first, second] = tickets;
    if (!first || !second) throw new Error('two were asked for');
    expect((await send(first, body)).status).toBe(200);
    const unloaded = await stand.models.unload({ ...placement, name: 'org/sample', version: '1.0.0' });
    expect(unloaded).toEqual({ state: 'unloaded' });
    const refused = await send(second, body);
    expect([refused.status, refused.json.code]).toEqual([503, 'model_not_ready']);
    expect(await stand.reserve(body.byteLength)).toMatchObject({ refusal: { code: 'model_unknown' } });
    expect(triton.requests).toHaveLength(1);
    expect(stand.admission.inFlight).toBe(0);
  });
});
