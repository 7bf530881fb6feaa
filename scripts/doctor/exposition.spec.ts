import { createMetrics } from '#telemetry';
import { readExposition } from './exposition.js';

test('samples are read as they are written', async () => {
  const metrics = createMetrics('toll');
  metrics.gauge('plain', 'Plain').set(-1.5);
  metrics.gauge('many', 'Many', ['asset']).set({ asset: 'a "b", c\\d\n{e}' }, 2);
  metrics.gauge('endless', 'Endless').set(Number.POSITIVE_INFINITY);
  const service = 'toll';
  expect(readExposition(await metrics.registry.metrics())).toEqual([
    { name: 'watershed_plain', labels: { service }, value: -1.5 },
    { name: 'watershed_many', labels: { asset: 'a "b", c\\d\n{e}', service }, value: 2 },
    { name: 'watershed_endless', labels: { service }, value: Number.POSITIVE_INFINITY },
  ]);
  expect(readExposition('# HELP a b\n\n<html>\nnot a sample at all')).toEqual([]);
});
