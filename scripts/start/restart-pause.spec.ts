import { RestartPause } from './restart-pause.js';

describe('the pause before something is started again', () => {
  it('doubles from a moment up to ten seconds, and is short again after a minute of health', () => {
    const pause = new RestartPause(() => 1);
    const pauses = Array.from({ length: 11 }, () => pause.nextMs());
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_000, 10_000]);
    expect(pause.nextMs(59_999)).toBe(10_000);
    expect([pause.nextMs(60_000), pause.nextMs(1)]).toEqual([20, 40]);
  });

  it('is a quarter chance', () => {
    expect(new RestartPause(() => 0).nextMs()).toBe(15);
  });
});
