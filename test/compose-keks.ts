import { containers } from '../scripts/compose/container/containers.js';
import type { ComposeStack } from './compose-stack.js';

/** Where in the stack each KEK lies, and by which name its rotation is asked for. */
const keks = [
  { service: 'gateway', owner: 'people', file: '/data/keys/kek' },
  { service: 'pod-host', owner: 'pods', file: '/data/keys/pod-kek.json' },
] as const;

const walk = (folder: string, words: readonly string[]) => `const fs = require('node:fs'), found = new Set();
for (const entry of fs.readdirSync('${folder}', { recursive: true, withFileTypes: true })) if (entry.isFile()) {
  const bytes = fs.readFileSync((entry.parentPath ?? entry.path) + '/' + entry.name);
  for (const word of ${JSON.stringify(words)}) if (bytes.includes(word) || entry.name.includes(word)) found.add(word);
}
console.log(JSON.stringify([...found]));`;

/** The keys that wrap a stack's keys, as an operator comes by them. */
export class StackKeks {
  constructor(private readonly stack: ComposeStack) {}

  /** The files as they are, in the order of the services gateway and pod host. */
  texts(): Promise<string[]> {
    const read = (file: string) => `console.log(require('node:fs').readFileSync('${file}', 'utf8'))`;
    return Promise.all(keks.map(({ service, file }) => this.stack.evaluate(service, read(file))));
  }

  /** Whether a next one waits, in the same order. */
  async waiting(): Promise<boolean[]> {
    const look = (file: string) => `console.log(require('node:fs').existsSync('${file}.next'))`;
    const seen = await Promise.all(keks.map(({ service, file }) => this.stack.evaluate(service, look(file))));
    return seen.map((text) => text === 'true');
  }

  /** The command of docs/operations.md. */
  async rotate(): Promise<void> {
    await Promise.all(
      keks.map(async ({ service, owner }) => {
        const command = ['node', 'dist/scripts/watershed/main.js', 'kek', 'rotate', owner, '--data', '/data'];
        await this.stack.ask(['exec', await this.stack.containerOf(service), ...command]);
      }),
    );
  }

  /** The gateway last: an engine does not start it again while a service that it depends on is away. */
  async restartTheirServices(): Promise<void> {
    for (const { service } of [...keks].reverse())
      await this.stack.ask(['restart', await this.stack.containerOf(service)]);
  }

  /** Which of the words stand in plain in a volume of the services, of Postgres or of Redis. */
  async inPlain(words: readonly string[]): Promise<string[]> {
    const services = containers.map(({ name }) => name).filter((name) => name !== 'runner-gpu');
    const found = await Promise.all(
      services.map(async (name) => JSON.parse(await this.stack.evaluate(name, walk('/data', words))) as string[]),
    );
    const patterns = words.map((word) => `-e '${word}'`).join(' ');
    for (const [name, folder] of [
      ['postgres', '/var/lib/postgresql'],
      ['redis', '/data'],
    ] as const) {
      const search = `grep -rohaF ${patterns} ${folder} | sort -u`;
      const container = await this.stack.containerOf(name);
      found.push((await this.stack.ask(['exec', container, 'sh', '-c', search])).split('\n').filter(Boolean));
    }
    return [...new Set(found.flat())].sort();
  }
}
