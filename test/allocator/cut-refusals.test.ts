// Cut refusals against the cut itself.
//
// Proves:    H1 to H3: whatever consumption, totals and headroom do, a membership whose bit is there and holds is asked about nothing that is not contained in
//            what it has refused already, in neither stage. That allocators which rely on it hand out what they should: allocator-agreement.test.ts.
// How:       random moves in a small universe with quotas (quota-room.ts); the checker remembers every bundle that was refused.

import fc from 'fast-check';
import type { Bundle } from '../../allocator/bundle';
import { CutRefusals } from '../../allocator/cut-refusals';
import type { Membership } from '../../allocator/role-node';
import { quantities } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';
import { move, offers, quotaPlan, QuotaRoom, roles } from './quota-room';

test('whoever is said to refuse is asked about nothing that it has not refused, whatever room there is', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: move },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('refuse' as const), member: fc.nat(roles.length - 1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), member: fc.nat(roles.length - 1) }) },
  );
  let saidCount = 0;
  fc.assert(
    fc.property(fc.tuple(quotaPlan, quotaPlan), fc.constantFrom(0, 1, 2, 3, 3, 4, 4), fc.constantFrom('a1', 'a2', 'a3', 'a4', 'a5', 'a6'), fc.array(step, { maxLength: 40 }), (plans, kind, name, steps) => {
      const room = new QuotaRoom(plans);
      const { quotas } = room;
      const agent = room.offer(kind, name);
      const cut = new CutRefusals();
      const refused = new Map<Membership, Bundle[]>(room.members.map((member) => [member, []]));
      for (const one of steps) {
        if (one.kind === 'refuse') {
          const member = room.members[one.member]!;
          refused.get(member)!.push(...room.asked(member, agent));
          cut.add(member, agent.total, quotas);
          expect([cut.has(member.index), cut.covers(member.role.top, agent.total, quotas) || member.role.top.isUnsatisfied]).toEqual([true, true]);
        } else if (one.kind === 'remove') {
          cut.remove(room.members[one.member]!.index);
          expect(cut.has(room.members[one.member]!.index)).toBe(false);
        } else {
          room.make(one);
        }
        for (const member of room.members) {
          if (!cut.has(member.index) || !cut.covers(member.role.top, agent.total, quotas)) continue;
          saidCount++;
          for (const bundle of room.asked(member, agent)) {
            if (!refused.get(member)!.some((known) => known.contains(bundle))) {
              throw new Error(`${member.frameworkId} is asked about ${bundle.resources.toString()}, and has refused ${refused.get(member)!.map((known) => known.resources.toString()).join(' and ')}`);
            }
          }
        }
        if (cut.coversAll(agent.total, quotas)) {
          for (const member of room.members) if (cut.has(member.index)) expect(cut.covers(member.role.top, agent.total, quotas)).toBe(true);
        }
      }
    }),
    { numRuns: 1500 },
  );
  expect(saidCount).toBeGreaterThan(300); // Else the claim is about nothing.
});

/** A role with a limit of 4 cpus, of which a task has so many; an agent of 4 cpus. */
function limited(cpus: number): { readonly parts: AllocatorParts; readonly member: Membership; readonly bundle: Bundle; readonly consume: (more: number) => void } {
  const parts = new AllocatorParts();
  const member = parts.join('eng', 'f1');
  parts.tree.setQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 4 }) });
  const bundle = parts.agent('a1', 'cpus:4;mem:64').total;
  const consume = (more: number): void => parts.tree.consume(member.role, parts.vector(quantities({ cpus: Math.abs(more) })), more > 0 ? 1 : -1);
  consume(cpus);
  return { parts, member, bundle, consume };
}

test('a refusal at one cpu of room holds while there is less and when there is as much again, not when there is more', () => {
  const { parts, member, bundle, consume } = limited(3);
  const cut = new CutRefusals();
  cut.add(member, bundle, parts.quotas);
  const covers = (): boolean => cut.covers(member.role.top, bundle, parts.quotas);
  const held = [covers()];
  for (const more of [1, -1, -1, 1]) {
    consume(more);
    held.push(covers());
  }
  expect(held).toEqual([true, true, true, false, true]);
});

test('a refusal at more room than marked is about that room, and those at less have to be asked again', () => {
  const { parts, member, bundle, consume } = limited(4);
  const other = parts.join('eng', 'f2');
  const cut = new CutRefusals();
  cut.add(other, bundle, parts.quotas);
  consume(-1);
  cut.add(member, bundle, parts.quotas);
  expect([cut.has(member.index), cut.has(other.index), cut.covers(member.role.top, bundle, parts.quotas)]).toEqual([true, false, true]);
});

test('when any quota is set, nothing that was refused before holds', () => {
  const { parts, member, bundle } = limited(3);
  const cut = new CutRefusals();
  cut.add(member, bundle, parts.quotas);
  parts.tree.setQuota('ops', { guarantees: new Map(), limits: quantities({ mem: 1 }) });
  expect(cut.covers(member.role.top, bundle, parts.quotas)).toBe(false);
  cut.add(member, bundle, parts.quotas);
  expect(cut.covers(member.role.top, bundle, parts.quotas)).toBe(true);
});

test('more room than the agent has is no more room', () => {
  const { parts, member, bundle, consume } = limited(0);
  parts.tree.setQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 40 }) });
  consume(20);
  const cut = new CutRefusals();
  cut.add(member, bundle, parts.quotas);
  consume(-10);
  expect(cut.covers(member.role.top, bundle, parts.quotas)).toBe(true);
});

describe('of two disks less room may leave the other one', () => {
  const disks = offers[4]!;

  /** Whether a refusal still holds after `change`, with headroom of 3 of disk beyond what `ops` is guaranteed. */
  function holdsAfter(role: string, bundle: string | typeof disks, change: (parts: AllocatorParts) => void): boolean {
    const parts = new AllocatorParts();
    const member = parts.join(role, 'f1');
    parts.tree.setQuota('ops', { guarantees: quantities({ disk: 10 }), limits: new Map() });
    const { total } = parts.agent('a1', bundle);
    parts.agent('a2', `disk:${13 - total.resources.scalar('disk') / 1000}`);
    const cut = new CutRefusals();
    cut.add(member, total, parts.quotas);
    change(parts);
    return cut.covers(member.role.top, total, parts.quotas);
  }

  const lessSurplus = (parts: AllocatorParts): void => parts.quotas.addAvailable(parts.vector(quantities({ disk: 1 })), -1);

  test.each<[claim: string, role: string, bundle: string | typeof disks, change: (parts: AllocatorParts) => void, holds: boolean]>([
    ['one disk, less surplus: the refusal holds', 'dev', 'disk:7', lessSurplus, true],
    ['several disks, the same surplus: it holds', 'dev', disks, () => undefined, true],
    ['several disks, less surplus: ask again', 'dev', disks, lessSurplus, false],
    ['one disk, in a role whose guarantee is not met: it holds', 'ops', 'disk:7', () => undefined, true],
    ['several disks, in a role whose guarantee is not met: ask again, always', 'ops', disks, () => undefined, false],
  ])('%s', (_claim, role, bundle, change, holds) => {
    expect(holdsAfter(role, bundle, change)).toBe(holds);
  });
});
