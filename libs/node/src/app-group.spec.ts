import { Registry } from 'prom-client';
import { RacePoints } from '#testing';
import { AppGroup, type NamedApp } from './app-group.js';
import type { RunningApp } from './running-app.js';

describe('several apps in one process', () => {
  const made = (log: string[], name: RunningApp['name'], more: Partial<RunningApp> = {}): NamedApp => ({
    name,
    start: async () => {
      log.push(`start ${name}`);
      return {
        name,
        nodeId: name,
        metrics: new Registry(),
        drain: async () => void log.push(`drain ${name}`),
        close: async () => void log.push(`close ${name}`),
        ...more,
      };
    },
  });

  it('stop in the reverse order: each drains before what it calls, and all before any is closed', async () => {
    const log: string[] = [];
    const group = new AppGroup();
    await group.start({}, [made(log, 'index'), made(log, 'toll'), made(log, 'gateway')]);
    expect(group.ready()).toBe(true);
    log.length = 0;
    await Promise.all([group.stop(1_000), group.stop(1_000)]);
    expect(log).toEqual([
      ...['drain gateway', 'drain toll', 'drain index'],
      ...['close gateway', 'close toll', 'close index'],
    ]);
    expect(group.ready()).toBe(false);
  });

  it('do not wait longer than told for one that does not drain, nor fail because one cannot', async () => {
    const log: string[] = [];
    const group = new AppGroup();
    const stuck = made(log, 'toll', { drain: () => new Promise(() => undefined) });
    const broken = made(log, 'gateway', { drain: () => Promise.reject(new TypeError('expected by this test')) });
    await group.start({}, [made(log, 'index'), stuck, broken]);
    const startedAt = performance.now();
    await group.stop(50);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(log.filter((line) => line.startsWith('close'))).toEqual(['close gateway', 'close toll', 'close index']);
  });

  it('are all closed when one does not start', async () => {
    const log: string[] = [];
    const group = new AppGroup();
    const failing: NamedApp = { name: 'toll', start: () => Promise.reject(new Error('no database')) };
    await expect(group.start({}, [made(log, 'index'), failing])).rejects.toThrow('no database');
    expect(log).toContain('close index');
    expect(group.ready()).toBe(false);
  });

  it('that are still starting when a stop comes are waited for, drained and closed', async () => {
    const log: string[] = [];
    const group = new AppGroup();
    const slow = made(log, 'gateway');
    const points = new RacePoints();
    const start = points.hold('start');
    const starting = group.start({}, [
      made(log, 'index'),
      { ...slow, start: async (env) => points.reached('start').then(() => slow.start(env)) },
    ]);
    const stopping = group.stop(1_000);
    start.release();
    await Promise.all([starting, stopping]);
    expect(log).toEqual([
      ...['start index', 'start gateway'],
      ...['drain gateway', 'drain index', 'close gateway', 'close index'],
    ]);
    expect(group.ready()).toBe(false);
    expect(group.failure).toBeUndefined();
  });

  it('that never come up hold a stop for the time told, and are closed when they come after all', async () => {
    const log: string[] = [];
    const group = new AppGroup({ startsTimeoutMs: 20 });
    const late = made(log, 'toll');
    const points = new RacePoints();
    const start = points.hold('start');
    const starting = group.start({}, [
      made(log, 'index'),
      { ...late, start: async (env) => points.reached('start').then(() => late.start(env)) },
    ]);
    await group.stop(1_000);
    expect(log).toEqual(['start index', 'drain index', 'close index']);
    start.release();
    await starting;
    expect(log).toContain('close toll');
    expect(group.apps.map(({ name }) => name)).toEqual(['index']);
  });

  it('are closed by the first that fails, though others still wait for it', async () => {
    const log: string[] = [];
    const told: unknown[] = [];
    const group = new AppGroup({ startsTimeoutMs: 20, onFailure: (failure) => told.push(failure) });
    const waiting: NamedApp = { name: 'gateway', start: () => new Promise(() => undefined) };
    const failing: NamedApp = { name: 'toll', start: () => Promise.reject(new Error('no database')) };
    await expect(group.start({}, [made(log, 'index'), waiting, failing])).rejects.toThrow('no database');
    expect(log).toContain('close index');
    expect(told).toEqual([{ app: 'toll', error: new Error('no database') }]);
  });

  it('are ready when every one is', async () => {
    let ready = false;
    const group = new AppGroup();
    await group.start({}, [made([], 'index'), made([], 'toll', { ready: () => ready })]);
    expect(group.ready()).toBe(false);
    ready = true;
    expect(group.ready()).toBe(true);
  });
});
