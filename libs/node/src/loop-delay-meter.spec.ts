import { eventually } from '#testing';
import { LoopDelayMeter } from './loop-delay-meter.js';
import { processRegistry } from './process.metrics.js';

describe("the event loop's lag", () => {
  it('is what timers are late, at worst, until it is asked for', async () => {
    const meter = new LoopDelayMeter(100);
    meter.start();
    try {
      const until = performance.now() + 400;
      while (performance.now() < until);
      let worstMs = meter.takeMs(); // the timer that fell due during the block has not fired yet
      await eventually(() => {
        worstMs = Math.max(worstMs, meter.takeMs());
        expect(worstMs).toBeGreaterThanOrEqual(295);
      });
      await eventually(() => expect(meter.takeMs()).toBeLessThan(100));
    } finally {
      meter.stop();
    }
  });

  it('is told without the time between two samples, and by nothing that includes it', async () => {
    let lagMs = 1_500;
    const takeLoopLagMs = () => {
      const taken = lagMs;
      lagMs = 0;
      return taken;
    };
    const registry = processRegistry({ ready: () => true, takeLoopLagMs });
    const text = await registry.metrics();
    expect(text).toContain('\nwatershed_event_loop_lag_seconds 1.5\n');
    expect(text).not.toMatch(/nodejs_eventloop_lag_(min|max|mean|stddev|p\d+)_seconds/);
    expect(await registry.metrics()).toContain('\nwatershed_event_loop_lag_seconds 0\n');
  });
});
