import { EventEmitter } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PassThrough } from 'node:stream';
import { Registry } from 'prom-client';
import { WatershedError } from '#errors';
import { eventually, RacePoints } from '#testing';
import type { NamedApp } from './app-group.js';
import { type HostProcess, runMany } from './run-main.js';
import type { RunningApp } from './running-app.js';

/** A process that notes how it would have ended. */
class FakeProcess extends EventEmitter implements HostProcess {
  readonly stdin = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exits: number[] = [];
  readonly sent: unknown[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }

  send(message: object): void {
    this.sent.push(message);
  }

  said(): string {
    return String(this.stderr.read() ?? '');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a process of several apps', () => {
  let host: FakeProcess;
  let log: string[];
  let points: RacePoints;

  beforeEach(() => {
    points = new RacePoints();
    host = new FakeProcess();
    log = [];
  });

  afterEach(() => points.releaseAll());

  const app = (name: RunningApp['name'], more: Partial<RunningApp> = {}): RunningApp => ({
    name,
    nodeId: name,
    metrics: new Registry(),
    drain: async () => void log.push(`drain ${name}`),
    close: async () => void log.push(`close ${name}`),
    ...more,
  });
  const named = (name: RunningApp['name'], more?: Partial<RunningApp>): NamedApp => ({
    name,
    start: async () => app(name, more),
  });

  it('tells its parent when all are up, and ends with 0 after a drain', async () => {
    await runMany({}, [named('index'), named('toll')], host);
    expect(host.sent).toEqual([{ ready: true, apps: [expect.anything(), expect.anything()] }]);
    host.emit('SIGTERM');
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([0]);
    expect(log).toEqual(['drain toll', 'drain index', 'close toll', 'close index']);
  });

  it('drains one app ahead of the others when its parent says so, and says when that is done', async () => {
    await runMany({}, [named('index'), named('gateway')], host);
    for (const message of ['drain', null, { drain: 7 }, { drain: 'toll' }, { drain: 'gateway' }])
      host.emit('message', message);
    await eventually(() => host.sent.length === 3);
    expect(host.sent.slice(1)).toEqual([{ drained: 'toll' }, { drained: 'gateway' }]);
    expect(log).toEqual(['drain gateway']);
    expect(host.exits).toEqual([]);
  });

  it.each(['SIGTERM', 'parent gone'])('closes what is up when %s comes while another still starts', async (how) => {
    const start = points.hold('start');
    const slow: NamedApp = { name: 'toll', start: async () => points.reached('start').then(() => app('toll')) };
    const running = runMany({ WATERSHED_PARENT_PIPE: '1' }, [named('index'), slow], host);
    if (how === 'SIGTERM') host.emit('SIGTERM');
    else host.stdin.end();
    await eventually(() => how === 'SIGTERM' || host.stdin.destroyed);
    expect(host.exits).toEqual([]);
    start.release();
    await running;
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([0]);
    expect(log).toEqual(['drain toll', 'drain index', 'close toll', 'close index']);
    expect(host.sent).toEqual([]);
  });

  it('ends at once at a second signal, however much is in flight', async () => {
    const drain = points.hold('drain');
    await runMany({}, [named('index', { drain: () => points.reached('drain') })], host);
    host.emit('SIGINT');
    expect(host.exits).toEqual([]);
    host.emit('SIGINT');
    expect(host.exits).toEqual([130]);
    drain.release();
  });

  it('drains when the pipe of its parent closes, in however many events that is told', async () => {
    const drain = points.hold('drain');
    await runMany({ WATERSHED_PARENT_PIPE: '1' }, [named('index', { drain: () => points.reached('drain') })], host);
    host.stdin.end();
    await eventually(() => host.stdin.destroyed);
    host.emit('disconnect');
    expect(host.exits).toEqual([]);
    drain.release();
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([0]);
    expect(log).toContain('close index');
  });

  it('does not outlive its parent for long, whatever it waits for', async () => {
    const close = points.hold('close');
    const env = { WATERSHED_PARENT_PIPE: '1', WATERSHED_ORPHAN_TIMEOUT_MS: '20' };
    await runMany(env, [named('index', { close: () => points.reached('close') })], host);
    host.stdin.end();
    await close.arrived();
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([0]);
    close.release();
  });

  it('ends with 1 and one line when an app does not start, and closes the others', async () => {
    const refusal = new WatershedError('database_unavailable', 'The database does not answer.');
    const failing: NamedApp = { name: 'toll', start: () => Promise.reject(refusal) };
    await runMany({}, [named('index'), failing, named('gateway')], host);
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([1]);
    expect(host.said()).toBe('toll did not start: The database does not answer.\n');
    expect(log).toEqual(expect.arrayContaining(['close gateway', 'close index']));
    expect(host.sent).toEqual([]);
  });

  it('still says why and ends with 1 when a signal comes while a failed start closes the others', async () => {
    const failing: NamedApp = { name: 'toll', start: () => Promise.reject(new Error('no port')) };
    const close = points.hold('close');
    const running = runMany({}, [named('index', { close: () => points.reached('close') }), failing], host);
    await close.arrived();
    host.emit('SIGTERM');
    close.release();
    await running;
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([1]);
    expect(host.said()).toBe('toll did not start: no port\n');
  });

  it('shows its metrics on the loopback interface alone, and elsewhere where it is told to', async () => {
    const elsewhere =
      Object.values(networkInterfaces())
        .flatMap((each) => each ?? [])
        .find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.2';
    const reached = async (METRICS_HOST: string | undefined): Promise<boolean[]> => {
      const METRICS_PORT = await freePort();
      const process = new FakeProcess();
      await runMany({ METRICS_PORT: String(METRICS_PORT), METRICS_HOST }, [named('index')], process);
      const outcomes = ['127.0.0.1', elsewhere].map((address) =>
        fetch(`http://${address}:${METRICS_PORT}/health/live`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
      const answers = await Promise.all(outcomes);
      process.emit('SIGTERM');
      await eventually(() => process.exits.length > 0);
      return answers;
    };
    expect(await reached(undefined)).toEqual([true, false]);
    expect(await reached('0.0.0.0')).toEqual([true, true]);
  });

  it('names settings that are not usable', async () => {
    await runMany({ METRICS_PORT: 'many' }, [named('index')], host);
    await eventually(() => host.exits.length > 0);
    expect(host.exits).toEqual([1]);
    expect(host.said()).toContain('METRICS_PORT');
  });
});
