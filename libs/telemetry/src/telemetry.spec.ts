import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, createMetrics, currentTraceparent, parseTraceparent, runWithTraceparent } from './index.js';
import { patientOutput } from './logger.js';

function capture() {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ service: 'gateway', nodeId: 'n1', level: 'trace', stream });
  return {
    logger,
    text: () => lines.join(''),
    records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const planted = 'hunter2-PLANTED-7f3a';

describe('the log', () => {
  it('prints no secret and no content, whatever they are planted in', () => {
    const { logger, text, records } = capture();
    logger.info({ authorization: planted, Token: planted, api_key: planted, 'x-api-key': planted }, 'members');
    logger.info({ req: { headers: { Authorization: planted, cookie: planted } }, body: { a: planted } }, 'nested');
    logger.info({ list: [{ deep: { deeper: { password: planted } } }], text: planted, inputs: [planted] }, 'deep');
    logger
      .child({ secret: planted, feature: 'x' })
      .child({ key: planted, job: 'y' })
      .warn({ prompt: planted }, 'child');
    logger.error({ err: Object.assign(new Error('refused'), { detail: planted, config: { data: planted } }) });
    logger.error(new SyntaxError(`Unexpected token in "${planted}"`));
    logger.error({ err: new SyntaxError(planted) }, 'parsing failed');
    logger.error(new Error('outer', { cause: new SyntaxError(planted) }));
    logger.info(`sent Bearer ${planted}`);
    logger.info(`to redis://user:${planted}@host:1/0 and /x?token=${planted}`);
    logger.info({ url: `postgres://u:${planted}@h/db`, buffer: Buffer.from(planted) }, 'url');
    expect(text()).not.toContain(planted);
    expect(text()).not.toContain(Buffer.from(planted).toString('base64'));
    expect(records()).toHaveLength(11);
    expect(records()[3]).toMatchObject({
      level: 'warn',
      service: 'gateway',
      nodeId: 'n1',
      feature: 'x',
      job: 'y',
      msg: 'child',
    });
  });

  it('keeps what helps: codes, names, numbers, stack frames', () => {
    const { logger, records } = capture();
    logger.error(
      { err: Object.assign(new Error('the database is gone'), { code: '57P01' }), model: 'a/b', n: 3n },
      'failed',
    );
    expect(records()[0]).toMatchObject({
      model: 'a/b',
      n: '3',
      msg: 'failed',
      err: { code: '57P01', message: 'the database is gone' },
    });
    expect(JSON.stringify(records()[0])).toContain('telemetry.spec');
  });

  it('says which trace a line belongs to', () => {
    const { logger, records } = capture();
    runWithTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', () => logger.info('in'));
    logger.info('out');
    expect(records()[0]?.traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(records()[1]?.traceId).toBeUndefined();
  });

  it('survives records that refer to themselves', () => {
    const { logger, records } = capture();
    const loop: Record<string, unknown> = { name: 'loop' };
    loop.self = loop;
    logger.info({ loop }, 'loop');
    expect(records()[0]?.msg).toBe('loop');
  });
});

describe('metrics', () => {
  it('stay apart for two apps in one process', async () => {
    const [a, b] = [createMetrics('toll'), createMetrics('index')];
    a.counter('calls_total', 'Calls', ['outcome']).inc({ outcome: 'ok' }, 2);
    a.counter('calls_total', 'Calls', ['outcome']).inc({ outcome: 'ok' });
    b.gauge('nodes', 'Nodes', [], (gauge) => gauge.set(7));
    expect(await a.registry.metrics()).toContain('watershed_calls_total{outcome="ok",service="toll"} 3');
    expect(await a.registry.metrics()).not.toContain('watershed_nodes');
    expect(await b.registry.metrics()).toContain('watershed_nodes{service="index"} 7');
  });
});

test('a metric that cannot be read now is a gap, and the others stand', async () => {
  const { registry, gauge } = createMetrics('toll');
  let broken = false;
  const read = () => {
    if (broken) throw new Error('the database is gone');
    return 7;
  };
  gauge('plain', 'Plain', [], (each) => each.set(read()));
  gauge('labelled', 'Labelled', ['asset'], async (each) => each.set({ asset: 'drop' }, read()));
  gauge('other', 'Other', [], (each) => each.set(1));
  expect(await registry.metrics()).toContain('watershed_plain{service="toll"} 7');
  expect(await registry.metrics()).toContain('watershed_labelled{asset="drop",service="toll"} 7');
  broken = true;
  const text = await registry.metrics();
  expect(text).not.toMatch(/^watershed_(plain|labelled){/m);
  expect(text).toContain('watershed_other{service="toll"} 1');
});

describe('trace context', () => {
  it.each([
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
    ['01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', true],
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', false],
    ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', false],
    ['00-00000000000000000000000000000000-b7ad6b7169203331-01', false],
    ['00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', false],
    ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', false],
    ['', false],
  ])('judges %s as W3C Trace Context does', (text, valid) => {
    expect(parseTraceparent(text) !== undefined).toBe(valid);
  });

  it('follows the call across awaits, and two calls at once do not mix', async () => {
    const one = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const two = '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
    const seen = (tp: string) =>
      runWithTraceparent(tp, async () => {
        await Promise.resolve();
        return currentTraceparent();
      });
    expect(await Promise.all([seen(one), seen(two)])).toEqual([one, two]);
    expect(currentTraceparent()).toBeUndefined();
    expect(await runWithTraceparent('nonsense', async () => currentTraceparent())).toMatch(/^00-[0-9a-f]{32}-/);
  });
});

describe('a log whose disk is full', () => {
  it('keeps the newest lines back until there is room, and stops nobody', () => {
    const folder = mkdtempSync(join(tmpdir(), 'watershed-log-'));
    const full = openSync('/dev/full', 'w');
    const file = openSync(join(folder, 'log'), 'w+');
    try {
      const output = patientOutput(full);
      expect(() => output.write('one\n')).not.toThrow();
      expect(() => output.write('two\n')).not.toThrow();
      Object.assign(output, { fd: file });
      output.write('three\n');
      expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('one\ntwo\nthree\n');
    } finally {
      closeSync(full);
      closeSync(file);
      rmSync(folder, { recursive: true });
    }
  });
});
