import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAll, checkEngine, checkLimits, checkPort, checkSecrets } from './check.js';

const machine = (versions: Record<string, string>) => (command: string, args: readonly string[]) =>
  versions[args[0] === 'compose' ? `${command} compose` : command];

describe('what the stack needs of a machine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-check-'));
  const file = join(folder, 'env');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is an engine with its compose command, whichever', () => {
    expect(checkEngine(machine({ docker: '27.1.1', 'docker compose': 'v2.29.1' })).found).toBe(
      'docker 27.1.1, docker compose 2.29.1',
    );
    const podman = { podman: '4.3.1', 'podman-compose': 'podman-compose version 1.6.0\npodman version 4.3.1' };
    expect(checkEngine(machine({ docker: '27.1.1', ...podman })).found).toBe('podman 4.3.1, podman-compose 1.6.0');
  });

  it('is said in one line where it is absent, half there or too old', () => {
    expect(checkEngine(machine({})).fault).toMatch(
      /^docker does not answer and docker compose does not answer; podman/,
    );
    expect(checkEngine(machine({ docker: '27.1.1' })).fault).toMatch(/^docker compose does not answer; /);
    const old = machine({ docker: '19.3.1', 'docker compose': '1.29.2', podman: '3.4.4', 'podman-compose': '0.1.5' });
    expect(checkEngine(old).fault).toMatch(
      /^docker is 19.3.1; it takes 20.10 or newer and docker compose is 1.29.2; .*podman is 3.4.4; .*0.1.5/,
    );
  });

  it('are secrets that nobody else can read', () => {
    expect(checkSecrets(file, 'docker/.env').fault).toBe('there is no docker/.env: run npm run compose -- secrets');
    const write = (redis: string, mode = 0o600) => {
      rmSync(file, { force: true });
      const others = 'POSTGRES_PASSWORD=a\nWATERSHED_DATABASE_SECRET=b\n';
      writeFileSync(file, `${others}REDIS_PASSWORD=${redis}\n`, { mode });
      return checkSecrets(file, 'env').fault;
    };
    expect(write('')).toBe('env has no REDIS_PASSWORD: run npm run compose -- secrets');
    expect(write('p@ss')).toContain('REDIS_PASSWORD in env: only letters');
    expect(write('c', 0o644)).toBe('others may read env: chmod 600 env');
    expect(write('c')).toBeUndefined();
  });

  it('are cores and memory as the limits ask', () => {
    expect(checkLimits(new Map([['RUNNER_CPUS', '4']]), 2, 2 ** 33).fault).toBe(
      'RUNNER_CPUS=4: this machine has 2 cores',
    );
    expect(checkLimits(new Map([['RUNNER_CPUS', '2']]), 2, 2 ** 33).fault).toBeUndefined();
    expect(checkLimits(new Map(), 2, 2 ** 30).fault).toContain('1.0 GiB');
  });

  it('is a port that nobody else has', async () => {
    let status = 404;
    const server = createServer((_request, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect((await checkPort('127.0.0.1', port)).fault).toContain(`127.0.0.1:${port} is in use: name another`);
    status = 200;
    expect((await checkPort('127.0.0.1', port)).found).toContain('where a gateway answers already');
    await new Promise((resolve) => server.close(resolve));
    expect(await checkPort('127.0.0.1', port)).toEqual({ what: 'port', found: `127.0.0.1:${port}` });
    expect((await checkPort('203.0.113.7', port)).fault).toContain('WATERSHED_ADDRESS');
  });

  it('takes the settings of the environment before those of the file', async () => {
    const checked = await checkAll(file, 'env', machine({}), { WATERSHED_ADDRESS: '203.0.113.7' });
    expect(checked.map(({ what, fault }) => [what, !!fault])).toEqual([
      ['engine', true],
      ['secrets', false],
      ['limits', false],
      ['port', true],
    ]);
  });
});
