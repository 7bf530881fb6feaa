import { setTimeout as delay } from 'node:timers/promises';
import { createClient, GatewayError } from '#client';

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
    const { data } = await patiently(() => anyone.POST('/v1/people', { body: {} }));
    const key = data?.key.secret;
    if (!data || !key) throw new Error('a sign-up was answered without a key');
    const { personId } = data.person;
    const grant = { personId, amountMicro, memo: 'load test' };
    await patiently(() => operator.POST('/v1/grants', { body: grant }));
    people.push({ personId, key });
    onProgress(people.length);
  }
  return { people };
}

/** As often as the gateway asks to wait, for a minute each time at most. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'rate_limited') throw error;
      await delay(Math.min(60_000, error.problem?.retryAfterMs ?? 1_000));
    }
  }
}
