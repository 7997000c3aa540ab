// The reference's draws: chance by name, written again from what is published.
//
// Owns:      the hashes and keys by which the reference allocator puts things in order, so that an error in the allocator's own (allocator/draws.ts) shows as
//            a disagreement about every order.
// Elsewhere: which seed and which names are drawn for (reference-allocator.ts); values that their authors publish (reference-allocator.test.ts).
// How:       in whole numbers of any size, cut to 32 bits by remainder, as on paper. Slow.
// Source:    FNV-1a, 32 bits (Fowler, Noll, Vo; here over UTF-16 code units); fmix32 of MurmurHash3 (Appleby); multiplication by the golden ratio
//            (Knuth, The Art of Computer Programming, 6.4); weighted shuffle by exponential keys (Efraimidis and Spirakis, 2006).

const wordSize = 2n ** 32n;

/** 32 bits. */
function times(one: bigint, other: bigint): bigint {
  return (one * other) % wordSize;
}

/** FNV-1a as published: the offset basis; for each unit exclusive or, then multiplied by the prime. */
export function fnv1a(text: string): number {
  let hash = 2_166_136_261n;
  for (let i = 0; i < text.length; i++) hash = times(hash ^ BigInt(text.charCodeAt(i)), 16_777_619n);
  return Number(hash);
}

/** The finaliser of MurmurHash3: h ^= h >> 16, h *= 0x85ebca6b, h ^= h >> 13, h *= 0xc2b2ae35, h ^= h >> 16. */
export function fmix32(word: number): number {
  let hash = BigInt(word);
  hash = times(hash ^ (hash / 2n ** 16n), 0x85ebca6bn);
  hash = times(hash ^ (hash / 2n ** 13n), 0xc2b2ae35n);
  return Number(hash ^ (hash / 2n ** 16n));
}

/** Of a name: its FNV-1a, finalised, since that alone leaves similar names close together. */
export function nameHash(name: string): number {
  return fmix32(fnv1a(name));
}

/** The draw for a name under a seed: both in one word, finalised. 2^32 divided by the golden ratio, made odd, spreads the hashes over the words. */
export function drawOf(seed: number, name: string): number {
  return fmix32(exclusiveOr(seed, Number(times(BigInt(nameHash(name)), 0x9e3779b1n))));
}

/** A seed for one thing under another: of a visit, the stage's and which agent. */
export function visitSeed(seed: number, name: string): number {
  return fmix32(exclusiveOr(seed, nameHash(name)));
}

/** An exponentially distributed time of rate `weight`: whose is over first comes first, so chances are in proportion to weights. */
export function exponentialKey(draw: number, weight: number): number {
  const uniform = (draw + 0.5) / Number(wordSize);
  return -Math.log(uniform) / weight;
}

/** Of two words. */
function exclusiveOr(one: number, other: number): number {
  return Number(BigInt(one) ^ BigInt(other));
}
