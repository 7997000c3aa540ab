// Proves that Deadlines orders like a sorted list, whatever is set, moved and cleared in between (D1, D2).

import fc from 'fast-check';
import { Deadlines } from '../../common/deadlines';

type Command = { readonly kind: 'set'; readonly key: number; readonly atMs: number } | { readonly kind: 'clear'; readonly key: number } | { readonly kind: 'take'; readonly nowMs: number };

const key = fc.nat(12);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, atMs: fc.nat(20) }),
  fc.record({ kind: fc.constant('clear' as const), key }),
  fc.record({ kind: fc.constant('take' as const), nowMs: fc.nat(20) }),
);

test('what is due comes out as from a list sorted by time and order of setting', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const deadlines = new Deadlines<number>();
      let model: { key: number; atMs: number }[] = [];
      for (const one of commands) {
        if (one.kind !== 'take') model = model.filter((entry) => entry.key !== one.key);
        if (one.kind === 'set') {
          deadlines.set(one.key, one.atMs);
          model.push({ key: one.key, atMs: one.atMs });
        } else if (one.kind === 'clear') {
          deadlines.clear(one.key);
        } else {
          const first = [...model].sort((a, b) => a.atMs - b.atMs)[0]; // sort is stable, so ties keep the order of setting
          const due = first !== undefined && first.atMs <= one.nowMs ? first : undefined;
          expect(deadlines.takeDue(one.nowMs)).toBe(due?.key);
          model = model.filter((entry) => entry !== due);
        }
        expect(deadlines.size).toBe(model.length);
        expect(deadlines.nextMs).toBe(Math.min(Infinity, ...model.map((entry) => entry.atMs)));
        for (const entry of model) expect(deadlines.get(entry.key)).toBe(entry.atMs);
      }
    }),
    { numRuns: 200 },
  );
});

test('a deadline of Infinity is none', () => {
  const deadlines = new Deadlines<string>();
  deadlines.set('task', 5);
  deadlines.set('task', Infinity);
  expect(deadlines.get('task')).toBeUndefined();
  expect(deadlines.nextMs).toBe(Infinity);
});
