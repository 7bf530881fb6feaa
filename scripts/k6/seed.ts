import { createClient } from '#client';

export interface Seeded {
  /** One key a person. */
  readonly people: readonly { readonly personId: string; readonly key: string }[];
}

export interface SeedOptions {
  readonly url: string;
  readonly operatorKey: string;
  readonly count: number;
  /** For each, in micro-drops. */
  readonly amountMicro: string;
  readonly onProgress: (done: number) => void;
}

/** Signs people up and fills their purses. Waits where the gateway says that it is asked too often. */
export async function seedPeople(options: SeedOptions): Promise<Seeded> {
  const { url, count, amountMicro, operatorKey, onProgress } = options;
  const anyone = createClient({ url });
  const operator = createClient({ url, credential: operatorKey });
  const people: { personId: string; key: string }[] = [];
  while (people.length < count) {
    const { data, response } = await patiently(() => anyone.POST('/v1/people', { body: {} }));
    const key = data?.key.secret;
    if (!data || !key) throw new Error(`a sign-up was answered with ${response.status}`);
    const { personId } = data.person;
    const grant = { personId, amountMicro, memo: 'load test' };
    const granted = await patiently(() => operator.POST('/v1/grants', { body: grant }));
    if (!granted.response.ok) throw new Error(`a grant was answered with ${granted.response.status}`);
    people.push({ personId, key });
    onProgress(people.length);
  }
  return { people };
}

/** As often as the gateway asks to wait, for a minute each time at most. */
async function patiently<Answer extends { response: Response }>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.response.status !== 429) return answer;
    const seconds = Math.min(60, Number(answer.response.headers.get('retry-after') ?? 1));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  }
}
