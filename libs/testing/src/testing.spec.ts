import { eventually } from './eventually.js';
import { RacePoints } from './race-points.js';
import { testLogger } from './test-logger.js';

describe('eventually', () => {
  test('answers what the condition at last gives', async () => {
    const left = [false, false, 4];
    await expect(eventually(() => left.shift() ?? false, { intervalMs: 1 })).resolves.toBe(4);
  });

  test('waits through errors, and says the last one at the deadline', async () => {
    const failing = eventually(() => Promise.reject(new Error('not there')), { timeoutMs: 20, intervalMs: 5 });
    await expect(failing).rejects.toThrow('not within 20 ms: not there');
    await expect(eventually(() => false, { timeoutMs: 20, intervalMs: 5 })).rejects.toThrow('it answered false');
  });
});

describe('RacePoints', () => {
  // A counter that reads and writes in two steps: what a race point makes lose an update every time.
  const increment = async (counter: { n: number }, race: RacePoints, point: string) => {
    const read = counter.n;
    await race.reached(point);
    counter.n = read + 1;
  };

  test('put two flows into an order that loses an update', async () => {
    const race = new RacePoints();
    const counter = { n: 0 };
    const first = race.hold('first read');
    const running = increment(counter, race, 'first read');
    await first.arrived();
    await increment(counter, race, 'second read');
    first.release();
    await running;
    expect(counter.n).toBe(1);
    expect(race.passed).toEqual(['first read', 'second read']);
  });

  test('hold one arrival each, and say when nobody comes', async () => {
    const race = new RacePoints();
    const held = race.hold('here', { timeoutMs: 20 });
    await expect(held.arrived()).rejects.toThrow('nothing reached "here" within 20 ms');
    const stopped = race.reached('here');
    await race.reached('here');
    race.releaseAll();
    held.release();
    await stopped;
    expect(race.passed).toEqual(['here', 'here']);
  });
});

test('the gates of a test that failed open, those that code stands at with those nobody reached', async () => {
  const race = new RacePoints();
  const [reached, awaited] = [race.hold('reached'), race.hold('awaited')];
  const stopped = race.reached('reached');
  await reached.arrived();
  race.releaseAll();
  await stopped;
  await race.reached('awaited');
  awaited.release();
  expect(race.passed).toEqual(['reached', 'awaited']);
});

test('the test logger keeps what was said', () => {
  const logger = testLogger('info');
  logger.debug('no');
  logger.child({ part: 'x' }).info({ n: 1 }, 'yes');
  expect(logger.lines).toMatchObject([{ msg: 'yes', n: 1, part: 'x' }]);
});
