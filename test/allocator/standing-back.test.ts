// Standing back: frameworks that give back what they are offered let the others go first.
//
// Proves:    K1 and K2 with their numbers on real trees; K3, and what it is for, by stories of whole allocators in virtual time.

import type { Membership } from '../../allocator/role-node';
import { StandingBack, standingBackBatchesMax } from '../../allocator/standing-back';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { aScalar } from '../common/model/resource-arbitraries';
import { AllocatorCluster, aFramework, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

/** Standing back in a role of two frameworks, with batches every second. */
function aPair(): { readonly parts: AllocatorParts; readonly standingBack: StandingBack; readonly f1: Membership; readonly f2: Membership } {
  const parts = new AllocatorParts();
  return { parts, standingBack: new StandingBack(parts.tree, 1000), f1: parts.join('*', 'f1'), f2: parts.join('*', 'f2') };
}

test('each run in a row that was of no use keeps a framework back twice as long, in batches, up to 64', () => {
  const { standingBack, f1 } = aPair();
  const batches: number[] = [];
  let batchMs = 1000;
  for (let run = 1; run <= 9; run++) {
    standingBack.noteGrant(f1, run);
    standingBack.noteIdleReturn(f1, batchMs);
    // It is passed by at the batch to come, and by so many in all.
    let count = 0;
    for (; f1.standsBack; batchMs += 1000) {
      standingBack.endDue(batchMs);
      if (f1.standsBack) count++;
    }
    batches.push(count);
  }
  expect(batches).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
  expect(standingBackBatchesMax).toBe(64);
});

test('however many bundles of a run come back, it is one step', () => {
  const { standingBack, f1 } = aPair();
  standingBack.noteGrant(f1, 1);
  for (let i = 0; i < 5; i++) standingBack.noteGrant(f1, 1);
  for (let i = 0; i < 5; i++) standingBack.noteIdleReturn(f1, 1000);
  standingBack.endDue(1999);
  expect(f1.standsBack).toBe(true);
  standingBack.endDue(2000);
  expect(f1.standsBack).toBe(false);
  standingBack.noteIdleReturn(f1, 3000); // the rest of the same run, later
  expect(f1.standsBack).toBe(false);
});

test('a second run that is of no use while it stands back keeps it back from then on', () => {
  const { standingBack, f1 } = aPair();
  standingBack.noteGrant(f1, 1);
  standingBack.noteIdleReturn(f1, 1000);
  standingBack.noteGrant(f1, 2);
  standingBack.noteIdleReturn(f1, 2000);
  standingBack.endDue(3999);
  expect(f1.standsBack).toBe(true);
  standingBack.endDue(4000);
  expect(f1.standsBack).toBe(false);
});

test('whoever uses some of what a run granted may give back the rest, and does not stand back', () => {
  const { standingBack, f1 } = aPair();
  standingBack.noteGrant(f1, 1);
  standingBack.noteUse(f1);
  standingBack.noteIdleReturn(f1, 1000);
  expect(f1.standsBack).toBe(false);
});

test.each<[claim: string, signal: (standingBack: StandingBack, member: Membership) => void]>([
  ['using something', (standingBack, member) => standingBack.noteUse(member)],
  ['a sign that it wants offers', (standingBack, member) => standingBack.reset(member)],
])('%s ends it at once and begins anew: the next time is one batch again', (_claim, signal) => {
  const { standingBack, f1 } = aPair();
  for (let run = 1; run <= 4; run++) {
    standingBack.noteGrant(f1, run);
    standingBack.noteIdleReturn(f1, run * 1000);
  }
  signal(standingBack, f1);
  expect(f1.standsBack).toBe(false);
  standingBack.noteGrant(f1, 5);
  standingBack.noteIdleReturn(f1, 5000);
  expect(f1.standsBack).toBe(true);
  standingBack.endDue(6000);
  expect(f1.standsBack).toBe(false);
});

test('what no run granted may come back without consequence: it was reported by an agent', () => {
  const { standingBack, f1 } = aPair();
  standingBack.noteIdleReturn(f1, 1000);
  standingBack.noteUse(f1);
  standingBack.reset(f1);
  expect([f1.standsBack, f1.standing]).toEqual([false, undefined]);
});

test('those who stand back end each at their own time', () => {
  const { standingBack, f1, f2 } = aPair();
  standingBack.noteGrant(f1, 1);
  standingBack.noteIdleReturn(f1, 1000);
  standingBack.noteGrant(f2, 2);
  standingBack.noteIdleReturn(f2, 4000);
  expect(f1.role.leaf.standsBack).toBe(true);
  standingBack.endDue(2000);
  expect([f1.standsBack, f2.standsBack, f1.role.leaf.standsBack]).toEqual([false, true, false]);
  standingBack.endDue(100_000);
  expect(f2.standsBack).toBe(false);
});

// Stories. A framework that declines without a filter has no use for offers; one that launches has.

const f1 = frameworkId('f1');

/** Who is offered the one agent in each of so many batches, while `f1` always declines and all others use what they get until shortly before the next batch. */
function offersWithIdleF1(cluster: AllocatorCluster, batchCount: number): string[] {
  const offered: string[] = [];
  for (let batch = 0; batch < batchCount; batch++) {
    const offers = cluster.advance(1000);
    expect(offers.length).toBeLessThanOrEqual(1);
    offered.push(offers[0]?.frameworkId ?? 'nobody');
    for (const offer of offers) {
      if (offer.frameworkId !== f1) cluster.allocator.transitionOfferedToAllocated(offer.frameworkId, offer.agentId, offer.resources);
      cluster.decline(offer);
    }
  }
  return offered;
}

test('an idle framework is asked after 1, 2, 4 and so on batches, and the busy one gets all the others', () => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  const offered = offersWithIdleF1(cluster, 200);
  const asked = offered.flatMap((framework, batch) => (framework === 'f1' ? [batch] : []));
  expect(asked.slice(1).map((batch, i) => batch - asked[i]!)).toEqual([2, 3, 5, 9, 17, 33, 65, 65]); // those batches, and its own
  expect(offered.filter((framework) => framework === 'f2')).toHaveLength(200 - asked.length);
});

test('alone, whoever stands back is offered everything in every batch', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f1');
  cluster.agent('a1', 'cpus:4');
  expect(new Set(offersWithIdleF1(cluster, 20))).toEqual(new Set(['f1']));
});

test('what the others may not have is offered to those who stand back, in the same run', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f1', { capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] });
  cluster.framework('f2');
  cluster.agent('a1', resources('cpus:4').plus(Resources.of([aScalar('cpus', 2000, { revocable: true })])));
  for (const offer of cluster.advance(5)) cluster.decline(offer);
  expect(cluster.offersWithin(1000)).toEqual(['f2 gets cpus:4 of a1 for role *', 'f1 gets cpus:2{revocable} of a1 for role *']);
});

test('among those who all stand back the usual order holds', () => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  const offered: string[] = [];
  for (let batch = 0; batch < 6; batch++) {
    for (const offer of cluster.advance(1000)) {
      offered.push(offer.frameworkId);
      cluster.decline(offer);
    }
  }
  expect(offered).toEqual(['f1', 'f2', 'f1', 'f2', 'f1', 'f2']); // of the last two both stand back: whoever had fewer grants, then the smaller name
});

test.each<[operation: string, change: (cluster: AllocatorCluster) => void]>([
  ['revive', (cluster) => cluster.revive('f1')],
  ['activation', (cluster) => { cluster.allocator.deactivateFramework(f1, cluster.nowMs); cluster.allocator.activateFramework(f1, cluster.nowMs); }],
  ['un-suppression', (cluster) => { cluster.suppress('f1'); cluster.revive('f1'); }],
  ['a changed subscription', (cluster) => cluster.allocator.updateFramework(f1, aFramework(), [], new Map(), cluster.nowMs)],
])('%s brings it forward at once', (_operation, change) => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  offersWithIdleF1(cluster, 40);
  expect(offersWithIdleF1(cluster, 1)).toEqual(['f2']);
  change(cluster);
  expect(offersWithIdleF1(cluster, 1)).toEqual(['f1']); // fewer grants than the busy one
});

test.each<[claim: string, refuseMs: number, cause: 'ended' | 'declined']>([
  ['declining with a filter', 1, 'declined'],
  ['the end of a task', 0, 'ended'],
])('%s is no sign of having no use for offers', (_claim, refuseMs, cause) => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  const [offer] = cluster.advance(5);
  cluster.allocator.recoverResources(offer!.frameworkId, offer!.agentId, offer!.resources, { cause, refuseMs }, cluster.nowMs);
  expect(cluster.allocator.explain(f1, '*', agentId('a1'), cluster.nowMs).standings.map(({ standsBack }) => standsBack)).toEqual([false, false, false]);
});

test('a role whose only framework stands back lets the sibling role go first, and is asked again when its time is over', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f1', { roles: ['eng/web'] });
  cluster.framework('f2', { roles: ['ops'] });
  cluster.agent('a1', 'cpus:4');
  expect(offersWithIdleF1(cluster, 8)).toEqual(['f1', 'f2', 'f1', 'f2', 'f2', 'f1', 'f2', 'f2']);
});
