import { balancedBooks, type GatewayClient } from '#client';
import { eventually } from '#testing';

/** A gateway as tests ask it. */
export type Ask = (
  method: string,
  path: string,
  key?: string,
  json?: unknown,
) => Promise<{ readonly status: number; readonly body: unknown }>;

export interface Tally {
  /** Usage ids of what was answered. */
  readonly answered: ReadonlySet<string>;
  /** How often each error code came. */
  readonly refused: ReadonlyMap<string, number>;
  /** Requests whose connection broke. */
  readonly unanswered: number;
}

/** Asks for inferences one after the other in several lanes until told to stop; what was answered is kept by usage id. */
export function load(
  ask: Ask,
  key: string,
  lanes: number,
): {
  /** How many have been answered so far. */
  answered(): number;
  stop(): Promise<Tally>;
} {
  const answered = new Set<string>();
  const refused = new Map<string, number>();
  let unanswered = 0;
  let going = true;
  const lane = async () => {
    while (going) {
      try {
        const { status, body } = await ask('POST', '/v1/infer', key, {
          model: 'watershed/language-id',
          text: 'Det regnede hele natten, og åen gik over sine bredder.',
        });
        if (status === 200) answered.add((body as { usageId: string }).usageId);
        else {
          const { code } = body as { code: string };
          refused.set(code, (refused.get(code) ?? 0) + 1);
        }
      } catch {
        unanswered += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const running = Array.from({ length: lanes }, lane);
  return {
    answered: () => answered.size,
    stop: async () => {
      going = false;
      await Promise.all(running);
      return { answered, refused, unanswered };
    },
  };
}

interface UsageRow {
  readonly usageId: string;
  readonly amountMicro: string;
  readonly outcome: string;
}

async function usageRows(ask: Ask, key: string): Promise<Map<string, UsageRow>> {
  const rows = new Map<string, UsageRow>();
  let cursor = '';
  do {
    const page = (await ask('GET', `/v1/purse/usage?limit=200${cursor}`, key)).body as {
      items: UsageRow[];
      nextCursor?: string;
    };
    for (const row of page.items) {
      expect(rows.has(row.usageId)).toBe(false);
      rows.set(row.usageId, row);
    }
    cursor = page.nextCursor ? `&cursor=${encodeURIComponent(page.nextCursor)}` : '';
  } while (cursor);
  return rows;
}

/** Every answer has its usage row, every row is posted, and the ledger took what the rows say. */
export async function reconcile(
  ask: Ask,
  person: { readonly key: string; readonly givenMicro: bigint },
  operator: GatewayClient,
  answered: ReadonlySet<string>,
): Promise<void> {
  await eventually(
    async () => {
      const rows = await usageRows(ask, person.key);
      for (const usageId of answered) expect(rows.get(usageId)?.outcome).toBe('answered');
      const posted = [...rows.values()].reduce((sum, row) => sum + BigInt(row.amountMicro), 0n);
      const purse = (await ask('GET', '/v1/purse', person.key)).body as { balanceMicro: string };
      const statement = (await ask('GET', '/v1/purse/statement?limit=200', person.key)).body as {
        items: { amountMicro: string }[];
        unposted: unknown[];
        nextCursor?: string;
      };
      expect(statement.unposted).toEqual([]);
      const booked = statement.items.reduce((sum, entry) => sum + BigInt(entry.amountMicro), 0n);
      if (statement.nextCursor === undefined) expect(booked).toBe(BigInt(purse.balanceMicro));
      expect(person.givenMicro - BigInt(purse.balanceMicro)).toBe(posted);
    },
    { timeoutMs: 90_000, intervalMs: 500 },
  );
  await balancedBooks(operator);
}
