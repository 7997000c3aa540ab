// Inverse offers: who is asked to leave which machine, and when again.
//
// Proves:    O1 and O2 on real ledgers; when runs ask, through whole allocators in virtual time (reference, section 11).

import { InverseOffers } from '../../allocator/inverse-offers';
import type { Unavailability } from '../../common/model/agent';
import { agentId, frameworkId } from '../../common/model/ids';
import { AllocatorCluster, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

const window: Unavailability = { startMs: 5_000_000, durationMs: 60_000 };
const [a1, a2] = [agentId('a1'), agentId('a2')];
const [f1, f2] = [frameworkId('f1'), frameworkId('f2')];

/** Two agents, `a1` with a window; f1 holds something on both, f2 on `a1` in two roles. */
class Maintenance extends AllocatorParts {
  readonly inverseOffers = new InverseOffers();
  readonly here = this.agent('a1', 'cpus:8');
  readonly there = this.agent('a2', 'cpus:8');

  constructor() {
    super();
    this.hold('*', 'f1', this.there);
    for (const [role, framework] of [['ops', 'f2'], ['*', 'f1'], ['eng', 'f2']] as const) this.hold(role, framework, this.here);
    this.inverseOffers.setWindow(this.here, window);
  }

  hold(role: string, framework: string, agent = this.here): void {
    this.charges.charge(this.join(role, framework), agent, resources('cpus:1').allocatedTo(role));
  }

  asked(nowMs = 0): string[] {
    return this.inverseOffers.request('all', nowMs).map(({ frameworkId: framework, agentId: agent }) => `${framework} on ${agent}`);
  }
}

test('each framework that holds something is asked once for each machine to be left, and not again while the request is outstanding', () => {
  const maintenance = new Maintenance();
  expect(maintenance.inverseOffers.request('all', 0)).toEqual([
    { frameworkId: f1, agentId: a1, unavailability: window },
    { frameworkId: f2, agentId: a1, unavailability: window },
  ]);
  expect(maintenance.asked()).toEqual([]);
  maintenance.hold('*', 'f3');
  expect(maintenance.asked()).toEqual(['f3 on a1']);
});

test('requests come by agent, then framework, whoever was told of first', () => {
  const maintenance = new Maintenance();
  maintenance.inverseOffers.setWindow(maintenance.here, undefined);
  maintenance.inverseOffers.setWindow(maintenance.there, window);
  maintenance.inverseOffers.setWindow(maintenance.here, window);
  expect(maintenance.asked()).toEqual(['f1 on a1', 'f2 on a1', 'f1 on a2']);
});

test('only the agents of the run are asked about, and of those the ones that take part', () => {
  const maintenance = new Maintenance();
  const { inverseOffers, here, there } = maintenance;
  inverseOffers.setWindow(there, window);
  expect(inverseOffers.request(new Set([there]), 0).map(({ agentId: agent }) => agent)).toEqual([a2]);
  here.isActive = false;
  expect(maintenance.asked()).toEqual([]);
  here.isActive = true;
  here.isAllowed = false;
  expect(maintenance.asked()).toEqual([]);
  here.isAllowed = true;
  expect(maintenance.asked()).toEqual(['f1 on a1', 'f2 on a1']);
});

test('inactive frameworks are not asked', () => {
  const maintenance = new Maintenance();
  maintenance.framework('f2').isActive = false;
  expect(maintenance.asked()).toEqual(['f1 on a1']);
});

test('an answer is remembered, and the framework asked again; one without an answer takes nothing back', () => {
  const maintenance = new Maintenance();
  const { inverseOffers, here } = maintenance;
  maintenance.asked();
  inverseOffers.answered(f1, here, 'accept', undefined);
  expect(maintenance.asked()).toEqual(['f1 on a1']);
  inverseOffers.answered(f1, here, undefined, undefined); // rescinded
  expect(maintenance.asked()).toEqual(['f1 on a1']);
  inverseOffers.answered(f2, here, 'decline', undefined);
  expect([...inverseOffers.answersOn(here)]).toEqual([[f1, 'accept'], [f2, 'decline']]);
  expect(inverseOffers.answersOn(maintenance.there).size).toBe(0);
});

test('whoever asked not to be asked is, once that time has come, and not before', () => {
  const maintenance = new Maintenance();
  maintenance.asked();
  maintenance.inverseOffers.answered(f1, maintenance.here, 'decline', 3000);
  expect([maintenance.asked(2999), maintenance.asked(3000)]).toEqual([[], ['f1 on a1']]);
});

test.each<[claim: string, change: (maintenance: Maintenance) => void, asked: string[]]>([
  ['a new window begins anew for everybody', ({ inverseOffers, here }) => inverseOffers.setWindow(here, { startMs: 9_000_000 }), ['f1 on a1', 'f2 on a1']],
  ['REVIVE begins anew for the framework, but for what is outstanding', ({ inverseOffers }) => { for (const id of [f1, f2]) inverseOffers.revived(id); }, ['f1 on a1']],
  ['a framework that is away begins anew when it is back', ({ inverseOffers }) => inverseOffers.disconnected(f1), ['f1 on a1']],
  ['a framework that is forgotten begins anew', ({ inverseOffers }) => inverseOffers.forgetFramework(f1), ['f1 on a1']],
  ['without a window nobody is asked', ({ inverseOffers, here }) => inverseOffers.setWindow(here, undefined), []],
  ['an agent that is forgotten has no window', ({ inverseOffers, here }) => inverseOffers.forgetAgent(here), []],
])('%s', (_claim, change, asked) => {
  const maintenance = new Maintenance();
  maintenance.asked();
  maintenance.inverseOffers.answered(f1, maintenance.here, 'decline', 3000);
  change(maintenance);
  expect(maintenance.asked()).toEqual(asked);
});

test('what a framework answered stands while it is away, and is forgotten with it or with the window', () => {
  const { inverseOffers, here } = new Maintenance();
  const answered = (): unknown => [...inverseOffers.answersOn(here)];
  inverseOffers.answered(f1, here, 'accept', undefined);
  inverseOffers.answered(f2, here, 'decline', 3000);
  inverseOffers.disconnected(f1);
  expect(answered()).toEqual([[f1, 'accept'], [f2, 'decline']]);
  inverseOffers.forgetFramework(f1);
  expect(answered()).toEqual([[f2, 'decline']]);
  inverseOffers.setWindow(here, { startMs: 9_000_000 });
  expect(answered()).toEqual([]);
});

test('only agents with a window are looked at for it, and nobody has one at first', () => {
  const { inverseOffers, here } = new Maintenance();
  expect([[...inverseOffers.agents], inverseOffers.isEmpty]).toEqual([[here], false]);
  expect(new InverseOffers().isEmpty).toBe(true);
});

// Runs

/** `f1` holds all of `a1`; what it is asked, and when. */
class HeldMachine extends AllocatorCluster {
  constructor() {
    super();
    this.agent('a1', 'cpus:4');
    this.framework('f1');
    this.advance(5);
  }

  askedWithin(ms: number): string[] {
    const untilMs = this.nowMs + ms;
    const asked: string[] = [];
    for (let dueMs = this.allocator.nextRunAtMs(); dueMs <= untilMs; dueMs = this.allocator.nextRunAtMs()) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      for (const request of this.allocator.run(this.nowMs).inverseOffers) asked.push(`${request.frameworkId} on ${request.agentId} at ${this.nowMs}`);
    }
    this.nowMs = untilMs;
    return asked;
  }

  setWindow(unavailability: Unavailability | undefined = window): void {
    this.allocator.updateUnavailability(a1, unavailability, this.nowMs);
  }

  answer(refuseMs: number): void {
    this.allocator.updateInverseOffer(f1, a1, 'decline', refuseMs, this.nowMs);
  }
}

test('a window brings a run of its own for the agent, and a request with it', () => {
  const machine = new HeldMachine();
  machine.setWindow();
  expect(machine.askedWithin(5)).toEqual(['f1 on a1 at 10']);
  expect(machine.askedWithin(5000)).toEqual([]);
});

test.each<[answeredAtMs: number, refuseMs: number, askedAtMs: number]>([
  [500, 0, 1000], // the next batch
  [500, 1, 2000], // at least an interval: until 1500
  [1000, 5000, 7000], // until 6000: the batch at that very instant still sees it
])('answered at %d with a filter of %d ms, it is asked again at %d', (answeredAtMs, refuseMs, askedAtMs) => {
  const machine = new HeldMachine();
  machine.setWindow();
  machine.askedWithin(answeredAtMs - machine.nowMs);
  machine.answer(refuseMs);
  expect(machine.askedWithin(10_000)).toEqual([`f1 on a1 at ${askedAtMs}`]);
  expect([...machine.allocator.inverseOfferAnswers(a1)]).toEqual([[f1, 'decline']]);
});

test('all being suppressed, those who hold something are asked all the same', () => {
  const machine = new HeldMachine();
  machine.suppress('f1');
  machine.setWindow();
  expect(machine.askedWithin(5)).toEqual(['f1 on a1 at 10']);
});

test('a framework that is away is not asked, and is asked anew when it is back', () => {
  const machine = new HeldMachine();
  machine.setWindow();
  machine.askedWithin(5);
  machine.allocator.deactivateFramework(f1, machine.nowMs);
  expect(machine.askedWithin(5000)).toEqual([]);
  machine.allocator.activateFramework(f1, machine.nowMs);
  expect(machine.askedWithin(2000)).toEqual(['f1 on a1 at 5015']); // activation brings a run over all
});

test('when the window is taken back, or the agent goes, nobody is asked any more and no run is due for it', () => {
  const ends: readonly ((machine: HeldMachine) => void)[] = [
    ({ allocator, nowMs }) => allocator.updateUnavailability(a1, undefined, nowMs),
    ({ allocator, nowMs }) => allocator.removeAgent(a1, nowMs),
  ];
  for (const end of ends) {
    const machine = new HeldMachine();
    machine.setWindow();
    machine.askedWithin(5);
    machine.answer(0);
    end(machine);
    expect(machine.askedWithin(5000)).toEqual([]);
    expect(machine.allocator.nextRunAtMs()).toBe(Infinity);
  }
});

test('offers go on while a machine is to be left', () => {
  const machine = new HeldMachine();
  machine.setWindow();
  machine.advance(5);
  machine.end('f1', 'a1', 'cpus:1');
  expect(machine.offersWithin(5)).toEqual(['f1 gets cpus:1 of a1 for role *']);
});
