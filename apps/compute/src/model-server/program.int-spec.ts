import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '#testing';
import { addModel, ENDLESS, loopConfig, loopModel, writeModel } from './contract/built-models.js';
import type { Answer } from './contract/recordings.js';
import { exchangeWith } from './contract/run-contract.js';
import { buildOnce } from './contract/test-server.js';

const MAIN = fileURLToPath(new URL('../../../../dist/apps/compute/src/model-server/main.js', import.meta.url));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

interface Program {
  readonly child: ChildProcess;
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
  output(): string;
  errors(): string;
  url(): Promise<string>;
}

describe('the model server as a program', () => {
  const repository = mkdtempSync(join(tmpdir(), 'model-server-'));
  const started: ChildProcess[] = [];

  beforeAll(() => {
    buildOnce();
    writeModel(repository, 'loop', { 1: loopModel() }, loopConfig);
    writeModel(repository, 'add', { 1: addModel(1) });
  }, 60_000);
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => rmSync(repository, { recursive: true, force: true }));

  function run(args: readonly string[], env: Record<string, string> = {}): Program {
    const ports = args.includes('--http-port') ? [] : ['--http-port', '0'];
    const child = spawn(process.execPath, [MAIN, '--metrics-port', '0', ...ports, ...args], {
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    });
    started.push(child);
    let output = '';
    let errors = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
      child.once('close', (code, signal) => resolve({ code, signal })),
    );
    const url = () => eventually(() => /listening on (\S+),/.exec(output)?.[1] ?? false, { timeoutMs: 20_000 });
    return { child, exit, output: () => output, errors: () => errors, url };
  }
  const serve = (...args: string[]) => run(['--model-repository', repository, ...args]);
  const post = (url: string, path: string, body: object = {}) =>
    exchangeWith(`${url}${path}`, { method: 'POST', headers: {} }, Buffer.from(JSON.stringify(body)));
  const count = (n: number) => ({ inputs: [{ name: 'N', shape: [1], datatype: 'INT64', data: [n] }] });
  /** Sends a request and waits until the server counts it as pending; its answer comes later. */
  const inFlight = async (program: Program, n: number): Promise<{ answer: Promise<Answer> }> => {
    const answer = post(await program.url(), '/v2/models/loop/infer', count(n));
    answer.catch(() => undefined);
    const metrics = /metrics on (\S+)/.exec(program.output())?.[1] ?? '';
    await eventually(async () => {
      const { body } = await exchangeWith(metrics, { method: 'GET', headers: {} }, Buffer.alloc(0));
      return body.includes('nv_inference_pending_request_count{model="loop",version="1"} 1');
    });
    return { answer };
  };
  const modelPids = (): number[] => {
    const own = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    const parents = started.map((child) => child.pid);
    return own.filter((pid) => {
      try {
        const [, parent] = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
        return parents.includes(Number(parent)) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('model-child');
      } catch {
        return false;
      }
    });
  };

  it.each<[string, string[], number, RegExp]>([
    ['no repository', [], 2, /--model-repository is missing/],
    ['a repository that is not there', ['--model-repository', '/nothere'], 1, /\/nothere is no folder/],
    ['an unknown option', ['--nope'], 2, /--nope/],
    ['a model that is not there', ['--model-repository', '.', '--load', 'nothere'], 1, /failed to load 'nothere'/],
  ])('says in one line: %s', async (_, args, code, line) => {
    const program = run(args);
    expect(await program.exit).toEqual({ code, signal: null });
    expect(program.errors()).toMatch(line);
    expect(program.errors().trim().split('\n')).toHaveLength(1);
  });

  it('says in one line that its traces would travel in plain text', async () => {
    const program = run(['--model-repository', repository], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://192.0.2.1:4318' });
    expect(await program.exit).toEqual({ code: 2, signal: null });
    expect(program.errors()).toMatch(
      /^[^\n]*OTEL_EXPORTER_OTLP_ENDPOINT: leads off this machine in plain text[^\n]*\n$/,
    );
  });

  it('says in one line that a port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const program = serve('--http-port', String(port));
    expect((await program.exit).code).toBe(1);
    expect(program.errors().trim()).toBe(`model-server: port ${port} on 127.0.0.1 is in use`);
    other.close();
  });

  it('explains itself', async () => {
    const program = run(['--help']);
    expect((await program.exit).code).toBe(0);
    expect(program.output()).toMatch(/--model-repository DIR/);
  });

  it('at SIGTERM refuses new connections, answers what is in flight, and ends with every process', async () => {
    const program = serve('--load', 'loop');
    const url = await program.url();
    const { answer } = await inFlight(program, 2_000_000);
    const pids = modelPids();
    program.child.kill('SIGTERM');
    await eventually(async () => {
      const refused = await post(url, '/v2/repository/index').catch((error: { code?: string }) => error);
      return 'code' in refused && refused.code === 'ECONNREFUSED';
    });
    expect((await answer).status).toBe(200);
    expect((await program.exit).code).toBe(0);
    expect(pids.some(isAlive)).toBe(false);
  }, 30_000);

  it('ends when the pipe of its parent closes', async () => {
    const program = run(['--model-repository', repository, '--load', 'add'], { WATERSHED_PARENT_PIPE: '1' });
    await program.url();
    program.child.stdin?.end();
    expect((await program.exit).code).toBe(0);
  }, 30_000);

  it('leaves no process behind when it is killed, not even one that hangs', async () => {
    const program = serve('--load', 'loop', '--load', 'add');
    await inFlight(program, ENDLESS);
    const pids = await eventually(() => {
      const found = modelPids();
      return found.length === 2 && found;
    });
    program.child.kill('SIGKILL');
    await program.exit;
    await eventually(() => !pids.some(isAlive));
  }, 30_000);

  it('kills a model when its parent says so', async () => {
    const program = serve('--load', 'loop');
    const { answer } = await inFlight(program, ENDLESS);
    program.child.send({ kill: { model: 'loop' } });
    expect((await answer).status).toBe(500);
  }, 30_000);

  it('loads everything and nothing else in the mode without control', async () => {
    const program = serve('--model-control-mode', 'none');
    const url = await program.url();
    const index = JSON.parse((await post(url, '/v2/repository/index')).body.toString('utf8'));
    expect(index.map((entry: { name: string; state: string }) => [entry.name, entry.state])).toEqual([
      ['add', 'READY'],
      ['loop', 'READY'],
    ]);
    expect((await post(url, '/v2/repository/models/add/unload')).status).toBe(503);
    expect((await post(url, '/v2/repository/models/add/load')).status).toBe(503);
  }, 30_000);
});
