import type { Story } from './story.js';

/** The administrator's side: nodes, models, a grant of money, and a ledger that sums to zero. */
export async function inspectAsOperator(story: Story, key: string, personId: string): Promise<void> {
  story.chapter('Look at the cluster as its operator');
  const nodes = await story.ask<{ items: { nodeId: string; health: string; manifest: { services: string[] } }[] }>(
    200,
    'GET',
    '/v1/nodes',
    {
      key,
    },
  );
  for (const node of nodes.items)
    story.see(`${node.health.padEnd(8)} ${node.manifest.services.join(', ').padEnd(14)} ${node.nodeId}`);
  story.expect(
    nodes.items.filter(({ health }) => health === 'alive').length >= 9,
    'every service has joined with a signed manifest and is alive',
  );
  const granted = await story.ask<{ balanceMicro: string }>(201, 'POST', '/v1/grants', {
    key,
    json: { personId, amountMicro: '250000', asset: 'drop', memo: 'a gift from the demo' },
  });
  story.see(`granted 250000 micro-drops; the purse now holds ${granted.balanceMicro}`);
  const ledger = await story.ask<{ assets: { asset: string; sumMicro: string }[] }>(200, 'GET', '/v1/audit/ledger', {
    key,
  });
  story.expect(
    ledger.assets.every(({ sumMicro }) => sumMicro === '0'),
    `the ledger of ${ledger.assets.map(({ asset }) => asset).join(', ')} sums to zero`,
  );
  const audit = await story.ask<{ items: { action: string; subject?: string }[] }>(200, 'GET', '/v1/audit', { key });
  story.expect(
    audit.items.some((entry) => JSON.stringify(entry).includes(personId)),
    'the grant stands in the audit log',
  );
}
