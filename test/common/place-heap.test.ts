// The place heap: whatever is added and taken out, the first is always the least of what is in it, and every item knows its place (H1, H2).
//
// How: random additions and removals from anywhere, beside a plain sorted list.

import fc from 'fast-check';
import { PlaceHeap } from '../../common/place-heap';

interface Item {
  readonly rank: number;
  place: number;
}

test('the first is always the least, and what was taken out does not come back', () => {
  const action = fc.oneof(fc.record({ kind: fc.constant('add' as const), rank: fc.nat(20) }), fc.record({ kind: fc.constant('remove' as const), which: fc.nat(1_000) }));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const heap = new PlaceHeap<Item>((one, other) => one.rank < other.rank);
      const inside: Item[] = [];
      for (const step of actions) {
        if (step.kind === 'add') {
          const item: Item = { rank: step.rank, place: -1 };
          heap.add(item);
          inside.push(item);
        } else if (inside.length > 0) {
          const [item] = inside.splice(step.which % inside.length, 1);
          if (!item) throw new Error('there is an item to take out');
          heap.remove(item);
          expect(item.place).toBe(-1);
          heap.remove(item);
        }
        expect(heap.size).toBe(inside.length);
        expect(heap.first?.rank).toBe(inside.length === 0 ? undefined : Math.min(...inside.map(({ rank }) => rank)));
        expect(inside.map(({ place }) => place).sort((left, right) => left - right)).toEqual(inside.map((_, index) => index));
      }
    }),
  );
});
