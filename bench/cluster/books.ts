import { balancedBooks, createClient, type GatewayClient } from '#client';
import type { Cluster } from './started-cluster.js';

export interface Person {
  readonly personId: string;
  readonly secret: string;
  readonly client: GatewayClient;
}

export async function signUp(cluster: Cluster): Promise<Person> {
  const { data } = await createClient({ url: cluster.url }).POST('/v1/people', { body: {} });
  if (!data?.key.secret) throw new Error('the sign-up gave no key');
  const { secret } = data.key;
  const { personId } = data.person;
  await cluster.operator.POST('/v1/grants', { body: { personId, amountMicro: '1000000000000', memo: 'bench' } });
  return { personId, secret, client: createClient({ url: cluster.url, credential: secret }) };
}

export interface Books {
  readonly usageEvents: number;
  readonly balanceMicro: bigint;
}

/** The books once all usage is posted. */
export async function settledBooks(cluster: Cluster, person: Person): Promise<Books> {
  const end = performance.now() + 120_000;
  for (;;) {
    const { usageEvents, unpostedUsageEvents } = await balancedBooks(cluster.operator);
    const { data: purse } = await person.client.GET('/v1/purse');
    if (unpostedUsageEvents === 0 && purse?.heldMicro === '0')
      return { usageEvents, balanceMicro: BigInt(purse.balanceMicro) };
    if (performance.now() > end) throw new Error('usage was not posted within two minutes');
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Throws where the books are not those of `answered` requests and of `mostAbandoned` at most whose client had hung up. */
export function reconcile(
  before: Books,
  after: Books,
  answered: number,
  priceMicro: bigint,
  mostAbandoned: number,
): string {
  const rows = after.usageEvents - before.usageEvents;
  const paid = before.balanceMicro - after.balanceMicro;
  // A client that ends a round hangs up on what is under way: that ran, is metered and paid, and was not counted.
  const abandoned = rows - answered;
  if (abandoned < 0 || abandoned > mostAbandoned) throw new Error(`${answered} answers have ${rows} usage rows`);
  if (paid !== BigInt(rows) * priceMicro) throw new Error(`${rows} rows at ${priceMicro} cost ${paid}`);
  return `${answered} answers, ${rows} usage rows (${abandoned} for clients that had hung up), ${paid} micro-drops in the ledger`;
}
