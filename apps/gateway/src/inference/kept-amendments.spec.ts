import { tollAmendUsage } from '#contracts';
import type { OutboxMessage } from '#persistence';
import { createLogger } from '#telemetry';
import { failedUsage } from '../testing/failed-usage.js';
import { FakeCluster } from '../testing/fake-cluster.js';
import { KeptAmendments } from './kept-amendments.js';

const dayMs = 24 * 3_600_000;
const events = [
  failedUsage('01a1ffe5-9748-7f97-aa9e-000000000001'),
  failedUsage('01a1ffe5-9748-7f97-aa9e-000000000002'),
];

const otherNodeId = 'O'.repeat(43);

function stand(code?: string) {
  const cluster = new FakeCluster();
  const refused = code ? [{ usageId: events[0]?.usageId, code }] : [];
  cluster.handle(tollAmendUsage, () => ({ refused }));
  const lines: string[] = [];
  const deliver = (stream: string, afterMs: number, payload: unknown = { events }) => {
    const amendments = new KeptAmendments({
      database: { transaction: () => Promise.reject(new Error('nothing is kept here')) },
      cluster,
      logger: createLogger({ service: 'gateway', level: 'error', stream: { write: (line) => void lines.push(line) } }),
      wakeOutbox: () => undefined,
      now: () => new Date(afterMs),
    });
    const message: OutboxMessage = { stream, sequence: 1n, messageId: 'm', kind: 'amend-usage', payload };
    return amendments.deliver(message);
  };
  return { cluster, lines, own: `usage:${cluster.nodeId}`, foreign: `usage:${otherNodeId}`, deliver };
}

describe('KeptAmendments', () => {
  it('tells toll of its own, however late', async () => {
    const { cluster, own, deliver, lines } = stand();
    await deliver(own, 2 * dayMs);
    expect(cluster.callsOf(tollAmendUsage)).toEqual([{ events }]);
    expect(lines).toEqual([]);
  });

  it('leaves those of another gateway to that, for a day', async () => {
    const { cluster, foreign, deliver, lines } = stand();
    await expect(deliver(foreign, dayMs)).rejects.toMatchObject({ code: 'conflict' });
    expect(lines).toEqual([]);
    await deliver(foreign, dayMs + 1);
    expect(lines).toHaveLength(1);
    for (const { usageId } of events) expect(lines[0]).toContain(usageId);
    expect(cluster.callsOf(tollAmendUsage)).toEqual([]);
  });

  it('tries those again that toll has no revenue for, and holds nothing back for longer than a day', async () => {
    const { own, deliver, lines } = stand('purse_empty');
    await expect(deliver(own, dayMs)).rejects.toMatchObject({ code: 'purse_empty' });
    expect(lines).toEqual([]);
    await deliver(own, dayMs + 1);
    expect(lines).toHaveLength(1);
  });

  it('says what toll refused for good, once', async () => {
    const { own, deliver, lines } = stand('conflict');
    await deliver(own, 0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(events[0]?.usageId);
  });
});
