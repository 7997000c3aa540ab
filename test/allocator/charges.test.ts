// Charges against the obvious: a plain table of who holds what where.
//
// Proves:    J1 to J3; that after any history what agents have free, what accounts are charged, what roles consume and what is available is what a
//            computation from scratch gives (G1 to G3, S1, R1, R5, Q2); that what travels whole comes back as the same object (U3).
// How:       named examples; then random histories of grants, reports, returns, conversions and changed totals on two agents.

import fc from 'fast-check';
import type { AgentLedger } from '../../allocator/agent-ledger';
import type { Membership } from '../../allocator/role-node';
import { at } from '../../allocator/vector';
import { Resources, type Resource } from '../../common/model/resources';
import { isSubroleOf } from '../../common/model/role';
import { aRange, aScalar, aVolume, dynamicFor } from '../common/model/resource-arbitraries';
import { resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

const isOfQuota = ({ value, reservations, revocable, shared }: Resource): boolean => value.kind === 'scalar' && reservations.length === 0 && !revocable && !shared;

test('all that is free is handed out and comes back as the same object, and so is what was handed out of a rest', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4;mem:1024');
  const [f1, f2] = [parts.join('*', 'f1'), parts.join('*', 'f2')];
  parts.charges.charge(f1, agent, resources('cpus:1').allocatedTo('*'));
  const rest = agent.free;
  parts.grant(f2, agent, rest);
  expect(agent.free).toBe(parts.nothing);
  const returned = parts.charges.credit(f2, agent, agent.holdingOf(f2)!.allocated);
  expect([returned === rest, agent.free === rest]).toEqual([true, true]);
  parts.charges.credit(f1, agent, resources('cpus:1').allocatedTo('*'));
  expect(agent.free).toBe(agent.total);
});

test('of two grants on one agent each comes back as the object that it was, the later first', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4');
  const [member, other] = [parts.join('*', 'f1'), parts.join('*', 'f2')];
  const task = resources('cpus:1').allocatedTo('*');
  parts.charges.charge(other, agent, task);
  const grants = [agent.free];
  parts.grant(member, agent, grants[0]!, 1);
  const first = agent.holdingOf(member)!.allocated;
  parts.charges.credit(other, agent, task);
  grants.push(agent.free);
  parts.grant(member, agent, grants[1]!, 2);
  expect(agent.holdingOf(member)!.allocated.unallocated().toString()).toBe('cpus:4');
  expect(parts.charges.credit(member, agent, member.allocated(grants[1]!))).toBe(grants[1]);
  expect(agent.free).toBe(grants[1]);
  expect(parts.charges.credit(member, agent, first)).toBe(grants[0]);
  expect(agent.free).toBe(agent.total);
});

test('a grant of which some came back before is no longer whole, and no more of it comes back than is left', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4');
  const member = parts.join('*', 'f1');
  parts.grant(member, agent, agent.total);
  const allocated = agent.holdingOf(member)!.allocated;
  parts.charges.credit(member, agent, resources('cpus:1').allocatedTo('*'));
  expect(() => parts.charges.credit(member, agent, allocated)).toThrow('and holds cpus:3');
});

test('what a framework is granted again is named by the same resources as before', () => {
  const parts = new AllocatorParts();
  const [agent, other] = [parts.agent('a1', 'cpus:4'), parts.agent('a2', 'cpus:4')];
  const member = parts.join('eng', 'f1');
  parts.grant(member, agent, agent.total);
  parts.grant(member, other, agent.total);
  expect(agent.holdingOf(member)!.allocated).toBe(other.holdingOf(member)!.allocated);
  expect(agent.holdingOf(member)!.allocated.equals(resources('cpus:4').allocatedTo('eng'))).toBe(true);
});

test('a second grant on an agent adds to what is held, and says which run was the last to grant', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4');
  const member = parts.join('*', 'f1');
  parts.grant(member, agent, parts.bundle('cpus:1'), 3);
  parts.charges.charge(member, agent, resources('cpus:1').allocatedTo('*'));
  expect([agent.holdings.length, agent.holdings[0]!.grantedInRun, agent.holdings[0]!.allocated.unallocated().toString()]).toEqual([1, 3, 'cpus:2']);
  parts.grant(member, agent, parts.bundle('cpus:2'), 7);
  expect([agent.holdings[0]!.grantedInRun, agent.free.isEmpty]).toEqual([7, true]);
});

test('giving back what is not held is a bug', () => {
  const parts = new AllocatorParts();
  const [agent, other] = [parts.agent('a1', 'cpus:4'), parts.agent('a2', 'cpus:4')];
  const member = parts.join('*', 'f1');
  parts.charges.charge(member, agent, resources('cpus:0.5').allocatedTo('*'));
  expect(() => parts.charges.credit(member, agent, resources('cpus:0.6').allocatedTo('*'))).toThrow('and holds cpus:0.5');
  expect(() => parts.charges.credit(member, other, resources('cpus:0.5').allocatedTo('*'))).toThrow('and holds nothing');
  expect(() => parts.charges.exchange(member, other, resources('cpus:0.5').allocatedTo('*'), Resources.empty)).toThrow('is held');
});

test('a conversion that leaves nothing ends the holding', () => {
  const parts = new AllocatorParts();
  const volume = Resources.of([aVolume('v', 1000)]);
  const agent = parts.agent('a1', volume);
  const member = parts.join('eng', 'f1');
  parts.grant(member, agent, agent.total);
  parts.charges.exchange(member, agent, volume.allocatedTo('eng'), Resources.empty);
  parts.replaceTotal(agent, Resources.empty);
  expect([member.holdings, agent.holdings, agent.free.isEmpty, member.currentShare()]).toEqual([[], [], true, 0]);
});

// The slow, obvious account.

type Who = 'eng:f1' | 'eng:f2' | 'eng/web:f1' | 'ops:f3';
const everyone: readonly Who[] = ['eng:f1', 'eng:f2', 'eng/web:f1', 'ops:f3'];
const roles = ['eng', 'eng/web', 'ops'];
const roleOf = (who: Who): string => who.split(':')[0]!;

const sharedVolume = aVolume('s', 2000, { shared: true });
const wholeAgent = resources('cpus:6;mem:4;ports:[0-999]').plus(
  Resources.of([sharedVolume, aVolume('v', 1000), aScalar('cpus', 2000, { revocable: true }), aScalar('cpus', 3000, { reservations: [dynamicFor('eng')] })]),
);

/** Two agents, everyone's memberships, and a table of what is held, which the checks believe alone. */
class HeldCluster extends AllocatorParts {
  readonly agents: readonly AgentLedger[] = [this.agent('a1', wholeAgent), this.agent('a2', wholeAgent)];
  readonly totalsByAgent: Resources[] = [wholeAgent, wholeAgent];
  readonly held: Map<Who, Resources>[] = [new Map(), new Map()];
  run = 0;

  memberOf(who: Who): Membership {
    return this.join(roleOf(who), who.split(':')[1]!);
  }

  heldBy(who: Who, agent: number): Resources {
    return this.held[agent]!.get(who) ?? Resources.empty;
  }

  setHeld(who: Who, agent: number, amounts: Resources): void {
    if (amounts.isEmpty) this.held[agent]!.delete(who);
    else this.held[agent]!.set(who, amounts);
  }

  check(): void {
    for (const [number, agent] of this.agents.entries()) this.#checkAgent(number, agent);
    for (const who of everyone) {
      const member = this.memberOf(who);
      expect(member.holdings.map(({ place }) => place)).toEqual(member.holdings.map((_, place) => place));
      expect(this.totals.named(member.amounts)).toEqual(sumOf(this.held.map((onAgent) => (onAgent.get(who) ?? Resources.empty).quantities())));
    }
    for (const role of roles) {
      const node = this.tree.find(role)!;
      const heldIn = (isMeant: (other: string) => boolean): readonly Resources[] =>
        this.held.map((onAgent) => Resources.sum([...onAgent].filter(([who]) => isMeant(roleOf(who))).map(([, amounts]) => amounts)));
      const below = heldIn((other) => other === role || isSubroleOf(other, role));
      expect(this.totals.named(node.amounts)).toEqual(sumOf(below.map((amounts) => amounts.quantities())));
      expect(this.totals.named(node.leaf.amounts)).toEqual(sumOf(heldIn((other) => other === role).map((amounts) => amounts.quantities())));
      const reserved = this.totalsByAgent.map((total) => total.filter(({ reservations: [reservation] }) => reservation?.role === role).quantities());
      expect(this.totals.named(node.consumed)).toEqual(sumOf([...reserved, ...below.map((amounts) => amounts.filter(isOfQuota).quantities())]));
    }
    const charged = this.held.flatMap((onAgent) => [...onAgent.values()]);
    for (const name of ['cpus', 'mem', 'disk']) {
      const quotaPart = (all: readonly Resources[]): number => all.reduce((milli, amounts) => milli + amounts.filter(isOfQuota).scalar(name), 0);
      expect([name, at(this.quotas.available, this.totals.indexOf(name))]).toEqual([name, quotaPart(this.totalsByAgent) - quotaPart(charged)]);
    }
  }

  #checkAgent(number: number, agent: AgentLedger): void {
    const held = this.held[number]!;
    const total = this.totalsByAgent[number]!;
    expect(agent.holdings.length).toBe(held.size);
    for (const holding of agent.holdings) {
      const { member, bundle, allocated, place } = holding;
      const expected = held.get(`${member.role.path}:${member.frameworkId}` as Who) ?? Resources.empty;
      expect(bundle.resources.toString()).toBe(expected.toString());
      expect(allocated.equals(expected.allocatedTo(member.role.path))).toBe(true);
      expect(member.holdings[place]).toBe(holding);
      expect(agent.holdingOf(member)).toBe(holding);
    }
    const rest = total.nonShared().minus(Resources.sum([...held.values()].map((amounts) => amounts.nonShared())));
    expect(agent.free.resources.toString()).toBe(rest.plus(total.shared()).toString());
    if (held.size === 0) expect(agent.free).toBe(agent.total);
  }
}

function sumOf(all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const quantities of all) for (const [name, milli] of quantities) sums.set(name, (sums.get(name) ?? 0) + milli);
  return sums;
}

const totals = [wholeAgent, resources('cpus:2;mem:4'), resources('mem:9').plus(Resources.of([sharedVolume]))];
const place = { agent: fc.constantFrom(0, 1), who: fc.constantFrom(...everyone) };
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('grant' as const), ...place, isAll: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('report' as const), ...place, cpus: fc.integer({ min: 1, max: 3 }), copies: fc.nat(2), isRevocable: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('return' as const), ...place, part: fc.constantFrom('same', 'equal', 'cpus', 'half', 'shared') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('give back a grant' as const), ...place, which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reserve' as const), ...place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('total' as const), agent: place.agent, total: fc.constantFrom(...totals) }) },
);

test('after any history holdings, free amounts, shares, consumption and availability are those of a plain table', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const cluster = new HeldCluster();
      /** The very resources that were handed out, to whomever. */
      const grants: Resources[] = [];
      let port = 0;
      cluster.check();
      for (const one of steps) {
        const agent = cluster.agents[one.agent]!;
        if (one.kind === 'total') {
          cluster.totalsByAgent[one.agent] = one.total;
          cluster.replaceTotal(agent, one.total);
          cluster.check();
          continue;
        }
        const { who } = one;
        const member = cluster.memberOf(who);
        const role = roleOf(who);
        const before = cluster.heldBy(who, one.agent);
        switch (one.kind) {
          case 'grant': {
            const bundle = one.isAll ? agent.free : agent.free.derived(agent.free.resources.filter(({ name, shared }) => name === 'cpus' || shared));
            if (bundle.isEmpty) break;
            cluster.grant(member, agent, bundle, ++cluster.run);
            grants.push(member.allocated(bundle));
            cluster.setHeld(who, one.agent, before.plus(bundle.resources));
            break;
          }
          case 'report': {
            // Perhaps more than there is: a smaller agent came back. A port of its own each time, as ranges add by union.
            const copies = Array.from({ length: one.copies }, () => sharedVolume);
            const amounts = Resources.of([aScalar('cpus', one.cpus * 1000, { revocable: one.isRevocable }), aRange('ports', [port, port]), ...copies]);
            port++;
            if (!agent.free.resources.filter(({ name }) => name === 'ports').contains(amounts.filter(({ name }) => name === 'ports'))) break;
            cluster.charges.charge(member, agent, amounts.allocatedTo(role));
            cluster.setHeld(who, one.agent, before.plus(amounts));
            break;
          }
          case 'give back a grant': {
            const fitting = grants.filter((grant) => grant.allocationRole === role && before.contains(grant.unallocated()));
            const allocated = fitting[one.which % Math.max(1, fitting.length)];
            if (allocated === undefined) break;
            expect(cluster.charges.credit(member, agent, allocated).resources.equals(allocated.unallocated())).toBe(true);
            cluster.setHeld(who, one.agent, before.minus(allocated.unallocated()));
            break;
          }
          case 'return': {
            const amounts =
              one.part === 'cpus' ? before.filter(({ name }) => name === 'cpus')
              : one.part === 'shared' ? Resources.of([...before.shared()].slice(0, 1))
              : one.part === 'half' ? Resources.ofQuantities(new Map([['cpus', Math.floor(before.filter(isOfQuota).scalar('cpus') / 2)]]))
              : before;
            if (amounts.isEmpty) break;
            cluster.charges.credit(member, agent, one.part === 'same' ? agent.holdingOf(member)!.allocated : amounts.allocatedTo(role));
            cluster.setHeld(who, one.agent, before.minus(amounts));
            break;
          }
          case 'reserve': {
            const consumed = before.filter((resource) => resource.name === 'cpus' && isOfQuota(resource));
            if (consumed.isEmpty || role !== 'eng' || !cluster.totalsByAgent[one.agent]!.contains(consumed)) break;
            const converted = consumed.map((resource) => ({ ...resource, reservations: [dynamicFor('eng')] }));
            cluster.charges.exchange(member, agent, consumed.allocatedTo(role), converted.allocatedTo(role));
            const total = cluster.totalsByAgent[one.agent]!.minus(consumed).plus(converted);
            cluster.totalsByAgent[one.agent] = total;
            cluster.replaceTotal(agent, total);
            cluster.setHeld(who, one.agent, before.minus(consumed).plus(converted));
            break;
          }
        }
        cluster.check();
      }
    }),
    { numRuns: 150 },
  );
});
