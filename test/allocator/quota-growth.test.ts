// Quota growth against what would be offered.
//
// Proves:    M1 to M4: as long as no growth is seen, nobody would be asked about anything of an agent held back that it has not refused already; and that
//            changes which are no growth are not taken for one.
// How:       random runs and moves in a small universe with quotas (quota-room.ts). A run visits agents, hands out, and ends as the allocator's does; the
//            checker remembers every bundle that was refused.

import fc from 'fast-check';
import type { AgentLedger } from '../../allocator/agent-ledger';
import type { Bundle } from '../../allocator/bundle';
import type { Membership } from '../../allocator/role-node';
import { quantities } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';
import { move, quotaPlan, QuotaRoom, start, type Move } from './quota-room';

/** One of those held back: what everybody has refused of it. */
class Held {
  readonly #refused = new Map<Membership, Bundle[]>();

  constructor(
    readonly room: QuotaRoom,
    readonly agent: AgentLedger,
  ) {}

  visit(): void {
    for (const member of this.room.members) this.#refused.set(member, [...(this.#refused.get(member) ?? []), ...this.room.asked(member, this.agent)]);
  }

  check(): void {
    for (const member of this.room.members) {
      for (const bundle of this.room.asked(member, this.agent)) {
        const known = this.#refused.get(member) ?? [];
        if (!known.some((one) => one.contains(bundle))) {
          throw new Error(`${member.frameworkId} would be asked about ${bundle.resources.toString()}, and has refused ${known.map((one) => one.resources.toString()).join(' and ')}`);
        }
      }
    }
  }
}

type Visit = Extract<Move, { readonly kind: 'start' }> | { readonly kind: 'visit'; readonly which: number } | { readonly kind: 'join'; readonly offer: number };

/** A run over all that are held back as far as there is reason to, and over agents that join, with grants in between. */
function run(room: QuotaRoom, held: Held[], isBatch: boolean, visits: readonly Visit[]): void {
  const { growth } = room.quotas;
  const before = [...held];
  const joining = visits.map((one) => (one.kind === 'join' ? new Held(room, room.offer(one.offer)) : undefined));
  const areAllAsked = isBatch && growth.isThere;
  const visited = new Set<Held>();
  const visit = (one: Held): void => {
    one.visit();
    visited.add(one);
  };
  growth.begin();
  for (const [place, one] of visits.entries()) {
    const joined = joining[place];
    if (one.kind === 'start') room.make(one);
    else if (one.kind === 'visit' && before.length > 0) visit(before[one.which % before.length]!);
    else if (joined !== undefined) {
      visit(joined);
      held.push(joined);
    }
    if (!growth.isThere) for (const earlier of before) if (!visited.has(earlier)) earlier.check();
  }
  if (areAllAsked) {
    for (const one of before) if (!visited.has(one) && growth.isThere) visit(one);
    growth.endAmongAll();
  } else {
    growth.endAmongSome();
  }
}

test('while nothing has grown, nobody would be asked about anything held back that it has not refused', () => {
  const visit: fc.Arbitrary<Visit> = fc.oneof(
    start,
    fc.record({ kind: fc.constant('visit' as const), which: fc.nat(5) }),
    fc.record({ kind: fc.constant('join' as const), offer: fc.constantFrom(0, 1, 2) }),
  );
  const step = fc.oneof(
    { weight: 3, arbitrary: move },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('run' as const), isBatch: fc.boolean(), visits: fc.array(visit, { maxLength: 6 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('run' as const), isBatch: fc.constant(true), visits: fc.constant<Visit[]>([]) }) },
  );
  let quietCount = 0;
  fc.assert(
    fc.property(fc.tuple(quotaPlan, quotaPlan), fc.array(step, { maxLength: 30 }), (plans, steps) => {
      const room = new QuotaRoom(plans);
      const { growth } = room.quotas;
      const held: Held[] = [];
      for (const one of steps) {
        if (one.kind === 'run') run(room, held, one.isBatch, one.visits);
        else room.make(one);
        if (growth.isThere || held.length === 0) continue;
        quietCount++;
        for (const each of held) each.check();
      }
    }),
    { numRuns: 1500 },
  );
  expect(quietCount).toBeGreaterThan(300); // Else the claim is about nothing.
});

/** Agents of 4 cpus, as many free as they have; `eng` has consumed so much; everybody was asked. */
function quiet(consumed: number, limit: number, guarantee = 0): { readonly parts: AllocatorParts; readonly consume: (more: number) => void } {
  const parts = new AllocatorParts();
  const member = parts.join('eng', 'f1');
  parts.tree.setQuota('eng', { guarantees: quantities({ cpus: guarantee }), limits: quantities({ cpus: limit }) });
  parts.agent('a1', 'cpus:4;mem:64');
  parts.agent('a2', 'cpus:4;mem:64');
  const consume = (more: number): void => {
    const cpus = parts.vector(quantities({ cpus: Math.abs(more) }));
    parts.tree.consume(member.role, cpus, more > 0 ? 1 : -1);
    parts.quotas.addAvailable(cpus, more > 0 ? -1 : 1);
  };
  consume(consumed);
  parts.quotas.growth.begin();
  parts.quotas.growth.endAmongAll();
  return { parts, consume };
}

test.each<[claim: string, consumed: number, limit: number, guarantee: number, change: number, isThere: boolean]>([
  ['a task that ends at the limit makes room', 4, 4, 0, -1, true],
  ['a task that starts does not', 3, 4, 0, 1, false],
  ['far from the limit a task that ends makes none that an agent could fill', 10, 40, 0, -5, false],
  ['beyond the limit neither, as long as it is beyond', 8, 4, 0, -2, false],
  ['a guarantee that is missed again may be served', 3, 9, 3, -1, true],
])('%s', (_claim, consumed, limit, guarantee, change, isThere) => {
  const { parts, consume } = quiet(consumed, limit, guarantee);
  expect(parts.quotas.growth.isThere).toBe(false);
  consume(change);
  expect(parts.quotas.growth.isThere).toBe(isThere);
});

test('room that is gone again before anybody looked is no growth', () => {
  const { parts, consume } = quiet(4, 4);
  consume(-1);
  consume(1);
  expect(parts.quotas.growth.isThere).toBe(false);
});

test('while headroom is required, an agent that joins is growth, if it has of what is short', () => {
  const { parts } = quiet(0, 99, 40);
  parts.agent('a3', 'mem:64');
  expect(parts.quotas.growth.isThere).toBe(false);
  parts.agent('a4', 'cpus:4');
  expect(parts.quotas.growth.isThere).toBe(false); // It is kept for the guarantee, all of it.
  parts.agent('a5', 'cpus:40');
  expect(parts.quotas.growth.isThere).toBe(true);
});
