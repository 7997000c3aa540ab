// Draws: chance, by name.
//
// Owns:      how one seed per stage of a run becomes the order of agents, the order of a random sorter, the order in which amounts are cut.
// Elsewhere: where seeds come from (the injected Random), who is put in order (drf-allocator.ts, sibling-order.ts, bundle.ts).
// Invariants:
//   W1. The place of a thing depends on the seed and its own name alone. So the order of some is the restriction of the order of all: a run that
//       looks only at the agents that changed visits them as a run over everything would, and nothing depends on the order of joining.
// Source: our choice, because Mesos shuffles a list, and then every draw depends on who else is in it. The mixing step is MurmurHash3's finaliser
//         (Austin Appleby, public domain); weighted shuffle without replacement: Efraimidis and Spirakis, 2006.

/** FNV-1a over UTF-16 code units, finalised; an unsigned 32-bit integer. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash);
}

/** A bijection of 32-bit integers under which similar inputs become unrelated outputs. Unsigned. */
export function mix32(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The draw of the thing with this {@link hash32} under a seed: uniform over unsigned 32-bit integers. */
export function keyed(seed: number, hash: number): number {
  return mix32(seed ^ Math.imul(hash, 0x9e3779b1));
}

/** A key for a weighted shuffle: by ascending key, the chance to be next is in proportion to `weight` (> 0). */
export function weightedKey(draw: number, weight: number): number {
  return -Math.log((draw + 0.5) / 2 ** 32) / weight;
}
