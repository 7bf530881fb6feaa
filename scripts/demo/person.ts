import type { Story } from './story.js';

export interface DemoPerson {
  readonly personId: string;
  readonly key: string;
}

const model = 'watershed/language-id';
const repositoryName = 'watershed--language-id';

const sentences: readonly (readonly [language: string, text: string])[] = [
  ['de', 'Das Wasser gehört allen, die an diesem Fluss wohnen.'],
  ['en', 'The water belongs to everyone who lives along this river.'],
  ['es', 'El agua pertenece a todos los que viven junto a este río.'],
  ['pt', 'A água pertence a todos os que vivem junto a este rio.'],
  ['da', 'Vandet tilhører alle dem, der bor ved denne flod.'],
  ['sv', 'Vattnet tillhör alla som bor längs den här floden.'],
  ['ja', 'この川のほとりに住むすべての人に水は属しています。'],
];

interface Inference {
  readonly labels: readonly { readonly label: string; readonly probability: number }[];
  readonly cost: { readonly amountMicro: string; readonly asset: string };
  readonly usageId: string;
}

export async function becomeAPerson(story: Story): Promise<DemoPerson> {
  story.chapter('Sign up');
  const made = await story.ask<{ person: { personId: string }; key: { keyId: string; secret: string } }>(
    201,
    'POST',
    '/v1/people',
    {
      json: {},
    },
  );
  story.see(`person ${made.person.personId}, with a first key (shown once, here not at all)`);
  const key = made.key.secret;
  const { person: me } = await story.ask<{
    person: { homeRegion: string; policy: { allowedRegions: string[]; crossBorderAllowed: boolean } };
  }>(200, 'GET', '/v1/me', { key });
  story.expect(
    me.policy.allowedRegions.length === 1 &&
      me.policy.allowedRegions[0] === me.homeRegion &&
      !me.policy.crossBorderAllowed,
    `by default nothing leaves the home region ${me.homeRegion}`,
  );
  return { personId: made.person.personId, key };
}

/** Asks which language each sentence is in; returns what it cost in micro-drops. */
export async function inferLanguages(story: Story, person: DemoPerson, waitMs: number): Promise<bigint> {
  const { key } = person;
  story.chapter(`Ask ${model} which language a sentence is in`);
  const quoteFor = async (text: string) =>
    BigInt(
      (
        await story.ask<{ amountMicro: string }>(200, 'POST', '/v1/prices/quote', {
          key,
          json: { model, text },
        })
      ).amountMicro,
    );
  await story.until(`${model} is served`, waitMs, async () => {
    const answer = await story.send('GET', `/v2/models/${repositoryName}/ready`, { key });
    return answer.status === 200 ? true : undefined;
  });
  let spent = 0n;
  for (const [language, text] of sentences) {
    const quoted = await quoteFor(text);
    const answer = await story.ask<Inference>(200, 'POST', '/v1/infer', { key, json: { model, text } });
    const [best] = answer.labels;
    const sum = answer.labels.reduce((total, { probability }) => total + probability, 0);
    const cost = BigInt(answer.cost.amountMicro);
    story.see(`“${text}” → ${best?.label} (${((best?.probability ?? 0) * 100).toFixed(1)} %), ${cost} micro-drops`);
    story.expect(
      best?.label === language && Math.abs(sum - 1) < 0.01,
      `it is ${language}, and the probabilities add up`,
    );
    story.expect(cost === quoted, `it cost what was quoted (${quoted} micro-drops)`);
    story.expect(
      (answer.headers.get('watershed-route') ?? '').startsWith('local'),
      `it was served here: ${answer.headers.get('watershed-route')}`,
    );
    spent += cost;
  }
  return spent;
}

/** The same question as tensors of the Open Inference Protocol v2. */
export async function inferTensors(story: Story, { key }: DemoPerson): Promise<bigint> {
  story.chapter('The same as tensors of the Open Inference Protocol v2');
  const bytes = [...new TextEncoder().encode('Woda należy do wszystkich, którzy mieszkają nad tą rzeką.')];
  const answer = await story.ask<{
    outputs: { name: string; datatype: string; shape: number[]; data: (string | number)[] }[];
  }>(200, 'POST', `/v2/models/${repositoryName}/infer`, {
    key,
    json: { inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [bytes.length], data: bytes }] },
  });
  const labels = answer.outputs.find(({ name }) => name === 'labels');
  story.expect(labels?.data[0] === 'pl', `the first of ${labels?.data.length} labels is "pl"`);
  return BigInt(answer.headers.get('watershed-cost-micro') ?? '0');
}

export async function payForIt(story: Story, { key }: DemoPerson, spent: bigint): Promise<void> {
  story.chapter('See what it cost');
  interface Statement {
    items: { kind: string; amountMicro: string; usageIds: string[] }[];
    unposted: unknown[];
  }
  const statement = await story.until('all usage is posted to the ledger', 5_000, async () => {
    const found = await story.ask<Statement>(200, 'GET', '/v1/purse/statement', { key });
    return found.unposted.length === 0 && found.items.some(({ kind }) => kind === 'usage') ? found : undefined;
  });
  const posted = statement.items.filter(({ kind }) => kind === 'usage');
  const total = posted.reduce((sum, entry) => sum + BigInt(entry.amountMicro), 0n);
  const absolute = total < 0n ? -total : total;
  story.expect(
    absolute === spent,
    `the ledger took ${absolute} micro-drops for ${posted.flatMap(({ usageIds }) => usageIds).length} answers`,
  );
  const purse = await story.ask<{ balanceMicro: string; unpostedMicro: string }>(200, 'GET', '/v1/purse', { key });
  story.see(`the purse now holds ${purse.balanceMicro} micro-drops`);
  const opening = statement.items.find(({ kind }) => kind === 'opening');
  story.expect(
    BigInt(purse.balanceMicro) === BigInt(opening?.amountMicro ?? '0') - spent,
    'which is the opening balance less what was spent',
  );
}

export async function keepData(story: Story, { key }: DemoPerson): Promise<void> {
  story.chapter('Keep something in a pod');
  const pod = await story.ask<{ podId: string; region: string }>(201, 'POST', '/v1/pods', { key, json: {} });
  const path = `/v1/pods/${pod.podId}/resources/notes/river.txt`;
  const text = new TextEncoder().encode('The river was high today.');
  await story.ask(201, 'PUT', path, { key, body: text, headers: { 'content-type': 'text/plain' } });
  const read = await story.send('GET', path, { key });
  story.expect(
    read.status === 200 && Buffer.from(read.body as Uint8Array).equals(Buffer.from(text)),
    `what was put into pod ${pod.podId} in ${pod.region} comes back`,
  );
  const abroad = await story.ask<{ code: string }>(403, 'POST', '/v1/pods', {
    key,
    json: { policy: { allowedRegions: ['AP/JP'] } },
  });
  story.expect(abroad.code === 'policy_forbids', 'a pod that may only lie in AP/JP is refused here: policy_forbids');
  await story.ask(204, 'DELETE', path, { key });
  await story.ask(204, 'DELETE', `/v1/pods/${pod.podId}`, { key });
}

export async function refuseWell(story: Story, { key }: DemoPerson): Promise<void> {
  story.chapter('Be refused, and told why');
  const refused = async (status: number, code: string, what: string, ...request: Parameters<Story['send']>) => {
    const problem = await story.ask<{ code: string; detail: string }>(status, ...request);
    story.expect(problem.code === code, `${what}: ${problem.code} (${problem.detail})`);
  };
  await refused(404, 'model_unknown', 'an unknown model', 'POST', '/v1/infer', {
    key,
    json: { model: 'nobody/nothing', text: 'hello' },
  });
  await refused(401, 'unauthenticated', 'no key', 'POST', '/v1/infer', { json: { model, text: 'hello' } });
  await refused(400, 'tensor_out_of_range', 'a byte of 300', 'POST', `/v2/models/${repositoryName}/infer`, {
    key,
    json: { inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [1], data: [300] }] },
  });
  await refused(400, 'tensor_shape_mismatch', 'a shape of 2^31', 'POST', `/v2/models/${repositoryName}/infer`, {
    key,
    json: { inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [2 ** 31], data: [1] }] },
  });
  const second = await story.ask<{ keyId: string; secret: string }>(201, 'POST', '/v1/keys', {
    key,
    json: { scopes: ['infer'], label: 'for the demo' },
  });
  await refused(403, 'scope_missing', 'a key without the scope', 'GET', '/v1/purse', { key: second.secret });
  await story.ask(204, 'DELETE', `/v1/keys/${second.keyId}`, { key });
  await refused(401, 'key_revoked', 'a revoked key', 'POST', '/v1/infer', {
    key: second.secret,
    json: { model, text: 'hello' },
  });
}
