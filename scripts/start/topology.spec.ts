import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../topology');

describe('a topology', () => {
  it.each(readdirSync(folder))('of %s drains in each process whom people ask before whom those ask', (file) => {
    const { processes } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      processes: { services: string[] }[];
    };
    expect(processes.length).toBeGreaterThan(1);
    // A process stops its services in the reverse order of their list.
    for (const { services } of processes) {
      if (services.includes('gateway')) expect(services.at(-1)).toBe('gateway');
      // All others say good-bye to it.
      if (services.includes('index')) expect(services[0]).toBe('index');
    }
  });
});
