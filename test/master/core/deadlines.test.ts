// Deadlines: taken in order, once, and not after being called off.
//
// Proves D1 and D2 against a list that is sorted anew each time.

import fc from 'fast-check';
import { Deadlines, type Deadline } from '../../../master/core/deadlines';

type Act = { kind: 'set'; at: number } | { kind: 'cancel'; which: number } | { kind: 'take'; now: number };

const act = fc.oneof<fc.Arbitrary<Act>[]>(
  fc.record({ kind: fc.constant('set'), at: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ kind: fc.constant('cancel'), which: fc.nat(30) }),
  fc.record({ kind: fc.constant('take'), now: fc.integer({ min: 0, max: 20 }) }),
);

test('whatever is set and cancelled, what comes out is what a sorted list would give', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const deadlines = new Deadlines<number>();
      const handles: Deadline<number>[] = [];
      let pending: { at: number; number: number }[] = [];
      for (const step of acts) {
        if (step.kind === 'set') {
          handles.push(deadlines.set(step.at, handles.length));
          pending.push({ at: step.at, number: handles.length - 1 });
        } else if (step.kind === 'cancel') {
          const handle = handles[step.which];
          if (handle !== undefined) deadlines.cancel(handle);
          pending = pending.filter(({ number }) => number !== step.which);
        } else {
          pending.sort((one, other) => one.at - other.at || one.number - other.number);
          const due = pending[0] !== undefined && pending[0].at <= step.now ? pending.shift()?.number : undefined;
          expect(deadlines.takeDue(step.now)).toBe(due);
        }
        expect(deadlines.count).toBe(pending.length);
        expect(deadlines.nextMs).toBe(Math.min(Infinity, ...pending.map(({ at }) => at)));
      }
    }),
  );
});

test('a deadline at Infinity never comes and costs nothing', () => {
  const deadlines = new Deadlines<string>();
  deadlines.cancel(deadlines.set(Infinity, 'never'));
  expect([deadlines.count, deadlines.nextMs, deadlines.takeDue(Number.MAX_VALUE)]).toEqual([0, Infinity, undefined]);
});
