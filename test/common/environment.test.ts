// Proves what the real environment promises beyond Node's own timers: never early, not inside the call, beyond 24 days, silent after cancel.
// Node's timers are replaced where a promise is about days; where they are not, waits are events, not sleeps.

import { createEnvironment, formatWallTime } from '../../common/environment';

const environment = createEnvironment();

test('a callback never runs before its delay has passed on the same clock, also for fractions', async () => {
  const startMs = environment.clock.nowMs();
  const early: number[] = [];
  await Promise.all(
    [0, 0.3, 0.9, 1.5, 2.7, 4.999].map(
      (delayMs) =>
        new Promise<void>((resolve) => {
          environment.clock.schedule(delayMs, () => {
            const passedMs = environment.clock.nowMs() - startMs;
            if (passedMs < delayMs) early.push(delayMs);
            resolve();
          });
        }),
    ),
  );
  expect(early).toEqual([]);
});

test('a callback never runs inside the call that schedules it, not even for a negative delay', async () => {
  let inside = true;
  await new Promise<void>((resolve) => {
    environment.clock.schedule(-5, () => {
      expect(inside).toBe(false);
      resolve();
    });
    inside = false;
  });
});

test('a cancelled callback does not run, and cancelling twice does nothing', async () => {
  const ran: string[] = [];
  const cancel = environment.clock.schedule(1, () => ran.push('cancelled'));
  cancel();
  cancel();
  await new Promise<void>((resolve) => environment.clock.schedule(5, resolve));
  expect(ran).toEqual([]);
});

describe('with time under control', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  test('a delay of forty days runs after forty days, not after one millisecond', () => {
    const dayMs = 86_400_000;
    const ran: string[] = [];
    environment.clock.schedule(40 * dayMs, () => ran.push('ran'));
    jest.advanceTimersByTime(39.9 * dayMs);
    expect(ran).toEqual([]);
    jest.advanceTimersByTime(0.2 * dayMs);
    expect(ran).toEqual(['ran']);
  });

  test('a long delay can still be cancelled after its first stage', () => {
    const ran: string[] = [];
    const cancel = environment.clock.schedule(60 * 86_400_000, () => ran.push('ran'));
    jest.advanceTimersByTime(30 * 86_400_000);
    cancel();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(90 * 86_400_000);
    expect(ran).toEqual([]);
  });
});

test('random numbers are in [0, 1), spread over it, and do not repeat when the pool is refilled', () => {
  const drawn = Array.from({ length: 2_000 }, () => environment.random.next());
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  expect(new Set(drawn).size).toBe(drawn.length);
  // The mean of 2,000 uniform numbers has a standard deviation of 0.0065: fifteen of them never happen.
  expect(Math.abs(drawn.reduce((sum, value) => sum + value, 0) / drawn.length - 0.5)).toBeLessThan(0.1);
});

test('a uuid is a version 4 UUID of 36 characters', () => {
  expect(environment.ids.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('wall time is printed in UTC with milliseconds', () => {
  expect(formatWallTime(1_767_225_600_123)).toBe('2026-01-01T00:00:00.123Z');
});
