import { tollAmendUsage, tollRecordUsage } from '#contracts';
import { WatershedError } from '#errors';
import { eventually } from '#testing';
import { TestGateway } from '../testing/test-gateway.js';

const text = { model: 'watershed/language-id', text: 'Ogni persona ha diritto alla libertà.' };

describe('usage that is written beside its inference', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start({ GATEWAY_BLOCK_REQUESTS: '8' });
  }, 60_000);
  afterEach(() => gateway.stop());

  const usageOf = (personId: string) =>
    [...gateway.services.usage.values()]
      .filter((event) => event.personId === personId)
      .map(({ amountMicro, outcome }) => [amountMicro, outcome]);
  const crash = () => {
    gateway.content.answer = () => ({ status: 502, json: { code: 'model_crashed', message: 'The process died.' } });
  };

  it('is durable while its inference still runs', async () => {
    const { key, personId } = await gateway.signUp();
    const release = gateway.content.hold();
    const asked = gateway.ask('POST', '/v1/infer', { key, json: text });
    await eventually(() => expect(usageOf(personId)).toEqual([['150', 'answered']]));
    release();
    expect((await asked).status).toBe(200);
    expect(usageOf(personId)).toEqual([['150', 'answered']]);
  });

  it('waits under an Idempotency-Key until it is known how its inference ended', async () => {
    const { key, personId } = await gateway.signUp();
    const release = gateway.content.hold();
    const asked = gateway.ask('POST', '/v1/infer', { key, json: text, headers: { 'idempotency-key': 'k' } });
    await eventually(() => expect(gateway.content.sent).toHaveLength(1));
    expect(usageOf(personId)).toEqual([]);
    release();
    expect((await asked).status).toBe(200);
    expect(usageOf(personId)).toEqual([['150', 'answered']]);
  });

  it('is amended before who asked is told of a failure, and costs nothing', async () => {
    const { key, personId } = await gateway.signUp();
    crash();
    expect((await gateway.ask('POST', '/v1/infer', { key, json: text })).body).toMatchObject({ code: 'model_crashed' });
    expect(usageOf(personId)).toEqual([['0', 'failed']]);
    expect(gateway.services.purses.get(personId)).toBe(gateway.services.openingMicro);
  });

  it('is amended later where toll cannot be told of a failure now', async () => {
    const { key, personId } = await gateway.signUp();
    crash();
    const amendments = gateway.services.amend;
    gateway.cluster.handle(tollAmendUsage, () => {
      throw new WatershedError('database_unavailable', 'No database.');
    });
    expect((await gateway.ask('POST', '/v1/infer', { key, json: text })).body).toMatchObject({ code: 'model_crashed' });
    expect(usageOf(personId)).toEqual([['150', 'answered']]);
    gateway.cluster.handle(tollAmendUsage, amendments);
    await eventually(() => expect(usageOf(personId)).toEqual([['0', 'failed']]));
    expect(gateway.services.purses.get(personId)).toBe(gateway.services.openingMicro);
  });

  it('is amended once toll is back, where toll did not even say whether it took the row', async () => {
    const { key, personId } = await gateway.signUp();
    const amendments = gateway.services.amend;
    const unreachable = () => {
      throw new WatershedError('database_unavailable', 'No database.');
    };
    gateway.cluster.handle(tollRecordUsage, unreachable);
    gateway.cluster.handle(tollAmendUsage, unreachable);
    const answer = await gateway.ask('POST', '/v1/infer', { key, json: text });
    expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    expect(usageOf(personId)).toEqual([]);
    gateway.cluster.handle(tollAmendUsage, amendments);
    await eventually(() => expect(usageOf(personId)).toEqual([['0', 'failed']]));
  });
});
