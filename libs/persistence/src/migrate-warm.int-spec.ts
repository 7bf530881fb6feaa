import { jest } from '@jest/globals';
import { emptyDatabase } from '#testing';
import { derivedPasswords } from './app-role.js';

test('a start with nothing to apply never loads the schema engine', async () => {
  const { migrate, migrationsFolder } = await import('./migrate.js');
  const database = await emptyDatabase();
  try {
    const options = {
      adminUrl: database.adminUrl,
      migrationsDir: migrationsFolder(),
      passwordFor: derivedPasswords(Buffer.alloc(32, 1)),
    };
    const cold = await migrate(options);
    expect(cold.applied.length).toBeGreaterThan(0);
    jest.resetModules();
    jest.unstable_mockModule('./schema-engine.js', () => {
      throw new Error('the engine was loaded');
    });
    const warm = await import('./migrate.js');
    await expect(warm.migrate(options)).resolves.toEqual({ ...cold, applied: [] });
    // The trap itself works: with something to apply the engine is asked for.
    await expect(import('./schema-engine.js')).rejects.toThrow('the engine was loaded');
  } finally {
    await database.close();
  }
});
