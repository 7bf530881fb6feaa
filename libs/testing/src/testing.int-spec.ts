import { openDatabase } from '#persistence';
import { testDatabase } from './test-database.js';

test('a clone answers its app', async () => {
  const started = Date.now();
  const database = await testDatabase();
  const again = await testDatabase();
  console.log('both took', Date.now() - started);
  const open = await openDatabase({ url: database.urlFor('toll'), applicationName: 'toll-test' });
  await expect(open.pool.query('SELECT current_schema() AS s, current_user AS u')).resolves.toMatchObject({
    rowCount: 1,
  });
  await expect(open.prisma.$queryRaw`SELECT 1 AS one`).resolves.toEqual([{ one: 1 }]);
  await open.close();
  await database.close();
  await again.close();
});
