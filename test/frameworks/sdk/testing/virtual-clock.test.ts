// Proves that virtual time runs callbacks in one order only, and that the timers of a dead or stalled process behave as its death or stall demands.

import fc from 'fast-check';
import { VirtualClock } from '../../../../frameworks/sdk/testing/virtual-clock';

test('callbacks run in the order of their times, and of being scheduled where times are equal', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ delayMs: fc.integer({ min: 0, max: 20 }), isCancelled: fc.boolean() }), { maxLength: 60 }), (wishes) => {
      const clock = new VirtualClock();
      const ran: number[] = [];
      wishes.forEach(({ delayMs, isCancelled }, index) => {
        const cancel = clock.schedule(delayMs, () => {
          expect(clock.nowMs()).toBe(delayMs);
          ran.push(index);
        });
        if (isCancelled) cancel();
      });
      clock.advance(20);
      const expected = wishes
        .map((wish, index) => ({ ...wish, index }))
        .filter(({ isCancelled }) => !isCancelled)
        .sort((a, b) => a.delayMs - b.delayMs || a.index - b.index)
        .map(({ index }) => index);
      expect(ran).toEqual(expected);
    }),
  );
});

test('what a callback schedules for the same moment still runs within the same advance', () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.schedule(5, () => {
    ran.push('first');
    clock.schedule(0, () => ran.push('second'));
  });
  clock.advance(5);
  expect(ran).toEqual(['first', 'second']);
});

test('a stopped scope takes its timers with it, and counts none', () => {
  const clock = new VirtualClock();
  const scope = clock.scope();
  let ran = 0;
  scope.schedule(1, () => (ran += 1));
  const cancel = scope.schedule(2, () => (ran += 1));
  expect(scope.timerCount).toBe(2);
  cancel();
  cancel();
  expect(scope.timerCount).toBe(1);
  scope.stop();
  scope.schedule(1, () => (ran += 1));
  clock.advance(10);
  expect([ran, scope.timerCount]).toEqual([0, 0]);
});

test('the timers of a stalled process are late, in their order, and can still be cancelled', () => {
  const clock = new VirtualClock();
  const scope = clock.scope();
  const ran: string[] = [];
  scope.schedule(10, () => ran.push(`a at ${Math.floor(clock.nowMs())}`));
  const cancel = scope.schedule(11, () => ran.push('never'));
  scope.schedule(12, () => ran.push(`b at ${Math.floor(clock.nowMs())}`));
  scope.schedule(200, () => ran.push(`c at ${clock.nowMs()}`));
  scope.stall(100);
  clock.advance(50);
  expect(ran).toEqual([]);
  cancel();
  clock.advance(200);
  expect(ran).toEqual(['a at 100', 'b at 100', 'c at 200']);
});
