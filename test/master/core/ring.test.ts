// Ring: the newest few, oldest first.

import fc from 'fast-check';
import { Ring } from '../../../master/core/ring';

test('a ring holds the newest entries in order, and names the one it forgets', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 20 }), fc.nat(6), (entries, countMax) => {
      const ring = new Ring<number>(countMax);
      const forgotten = entries.map((entry) => ring.push(entry)).filter((entry) => entry !== undefined);
      const kept = countMax === 0 ? [] : entries.slice(-countMax);
      expect([...ring]).toEqual(kept);
      expect(ring.count).toBe(kept.length);
      expect(forgotten).toEqual(entries.slice(0, entries.length - kept.length));
    }),
  );
});
