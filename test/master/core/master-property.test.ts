// Any sequence of inputs, from honest and hostile peers, leaves the books straight.
//
// Proves with random clusters that nothing a peer sends makes the core throw, and the laws K1 to K5 of cluster-books.ts after every step; and
// the law of conservation: when everything has ended, a newcomer is offered every agent whole.

import fc from 'fast-check';
import type { AgentMessage } from '../../../common/model/agent-protocol';
import { agentId, executorId, frameworkId, offerId, taskId } from '../../../common/model/ids';
import type { SchedulerCall } from '../../../common/model/scheduler-protocol';
import type { TaskInfo } from '../../../common/model/task';
import type { TaskState } from '../../../common/model/task-status';
import { ClusterBooks, ModelAgent } from './cluster-books';
import { aFramework, anAgentInfo, anExecutor, anExecutorTask, aTask, launch, ScriptedMaster, uuid, type ScriptedScheduler } from './scripted-master';

const states: readonly TaskState[] = ['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_DROPPED', 'TASK_UNREACHABLE', 'TASK_UNKNOWN'];
const ends = new Set<TaskState>(['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_DROPPED']);

const small = fc.nat(5);
const actKinds = ['subscribe', 'resubscribe', 'close-scheduler', 'accept', 'accept', 'accept', 'accept', 'decline', 'call', 'call', 'foreign-call', 'malformed', 'register', 'register', 'make-up', 'reregister', 'lie', 'close-agent', 'unregister', 'update', 'update', 'update', 'forged-update', 'exit-executor', 'garbage', 'operator', 'advance', 'advance', 'advance'] as const;
const act = fc.record({ kind: fc.constantFrom(...actKinds), a: small, b: small, c: small, d: small });
type Act = typeof act extends fc.Arbitrary<infer Value> ? Value : never;

const delaysMs = [1, 10, 1_000, 10_000, 80_000, 700_000];

class Play {
  readonly master = new ScriptedMaster('m', [], { offerTimeoutMs: 20_000, launchTimeoutMs: 30_000, completedFrameworkCountMax: 2, unreachableTaskCountMax: 2, completedTaskCountMax: 2 });
  readonly books = new ClusterBooks(this.master);
  readonly schedulers: ScriptedScheduler[] = [];
  private updateCount = 0;

  do({ kind, a, b, c, d }: Act): void {
    this.books.beginStep();
    switch (kind) {
      case 'subscribe': {
        if (this.schedulers.length >= 12) return;
        const scheduler = this.master.scheduler();
        this.schedulers.push(scheduler);
        scheduler.subscribe({ name: `f${a}`, roles: a < 2 ? ['eng'] : a < 4 ? ['eng', 'ops'] : ['ops'], failoverTimeoutMs: b < 2 ? 0 : 50_000, capabilities: c < 3 ? ['MULTI_ROLE', 'PARTITION_AWARE'] : ['MULTI_ROLE'] });
        return;
      }
      case 'resubscribe': {
        const id = this.idOf(pick(this.schedulers, a));
        if (id === undefined) return;
        const scheduler = this.master.scheduler();
        this.schedulers.push(scheduler);
        scheduler.subscribe({ id, roles: b < 3 ? ['eng'] : ['eng', 'ops'], failoverTimeoutMs: 50_000, ...(c === 0 ? { principal: 'x' } : {}) }, d === 0 ? ['eng'] : []);
        return;
      }
      case 'close-scheduler': {
        const scheduler = this.open(a);
        if (scheduler === undefined) return;
        this.books.voidSession(scheduler.session);
        scheduler.close();
        return;
      }
      case 'accept':
        this.accept(a, b, c, d);
        return;
      case 'decline': {
        const scheduler = this.open(a);
        if (scheduler === undefined) return;
        const ids = [this.anyOffer(b), this.ownOffer(scheduler, c)];
        this.books.declineOffers(scheduler, ids);
        scheduler.call({ kind: 'decline', offerIds: ids.map(offerId), filters: { refuseSeconds: [0, 1, 5, -1, NaN, 100][d]! } });
        return;
      }
      case 'call':
        this.open(a)?.call(this.anyCall(b, c, d));
        return;
      case 'foreign-call': {
        const scheduler = this.open(a);
        const call = this.anyCall(b, c, d);
        if (scheduler !== undefined) this.master.step({ kind: 'scheduler-calls', session: scheduler.session, calls: [{ ok: true, value: { number: 1, frameworkId: frameworkId('m-9999'), call } }] });
        return;
      }
      case 'malformed': {
        const scheduler = this.open(a);
        const callKind = b < 3 ? 'SUBSCRIBE' : 'ACCEPT';
        if (scheduler !== undefined) this.master.step({ kind: 'scheduler-calls', session: scheduler.session, calls: [{ ok: false, number: 1, callKind, refusal: { field: 'x', value: 'x', expected: 'y' } }] });
        return;
      }
      case 'register': {
        if (this.books.agents.length >= 4) return;
        const agent = new ModelAgent(`host${this.books.agents.length}`, [4_000, 4_096_000]);
        this.books.agents.push(agent);
        this.books.attach(agent, this.master.agent());
        agent.session?.register({ hostname: agent.hostname });
        return;
      }
      case 'make-up': {
        // A machine with an id of the master's own form, which the master may be about to give out.
        const id = `m-S${b}`;
        if (this.books.agents.length >= 4 || this.books.agents.some((agent) => agent.id === id)) return;
        const agent = new ModelAgent(`host${this.books.agents.length}`, [4_000, 4_096_000]);
        this.books.agents.push(agent);
        this.books.attach(agent, this.master.agent());
        agent.session?.reregister(id, { info: anAgentInfo({ hostname: agent.hostname }), ...agent.report(false) });
        return;
      }
      case 'reregister':
      case 'lie': {
        const agent = pick(this.books.agents, a);
        if (agent?.id === undefined || agent.pending !== undefined) return;
        const report = agent.report(kind === 'lie');
        this.books.attach(agent, this.master.agent());
        agent.session?.reregister(agent.id, { info: anAgentInfo({ hostname: agent.hostname }), ...report });
        return;
      }
      case 'close-agent': {
        const agent = pick(this.books.agents, a);
        const session = agent?.session;
        if (agent === undefined || session === undefined) return;
        agent.session = undefined;
        agent.pending = undefined;
        session.close();
        return;
      }
      case 'unregister': {
        const agent = pick(this.books.agents, a);
        if (agent?.session === undefined || b > 1) return;
        agent.tasks.clear();
        agent.executors.clear();
        agent.session.say({ kind: 'unregister' });
        return;
      }
      case 'update': {
        const agent = pick(this.books.agents, a);
        const task = agent?.session === undefined ? undefined : pick([...agent.tasks.values()], b);
        if (agent?.session === undefined || task === undefined) return;
        const latestState = states[c + (d > 3 ? 3 : 0)] ?? 'TASK_RUNNING';
        const state = d === 0 ? 'TASK_RUNNING' : latestState;
        if (ends.has(latestState)) agent.tasks.delete(`${task.frameworkId}/${task.task.taskId}`);
        this.updateCount += 1;
        agent.session.update(task.frameworkId, task.task.taskId, state, this.updateCount, latestState);
        const scheduler = this.schedulers.find((one) => this.idOf(one) === task.frameworkId && this.master.isOpen(`s${one.session}`));
        if (d > 1 && agent.id !== undefined) scheduler?.acknowledge(task.task.taskId, agent.id, this.updateCount);
        return;
      }
      case 'forged-update': {
        const victim = this.idOf(pick(this.schedulers, b));
        const agent = pick(this.books.agents, a);
        // Not of a task of its own: those end by `update` only, or the model and the master would differ for good reason.
        if (victim === undefined || agent?.session === undefined || agent.tasks.has(`${victim}/t${c}`)) return;
        agent.session.update(victim, `t${c}`, states[d] ?? 'TASK_FAILED', 999);
        return;
      }
      case 'exit-executor': {
        const agent = pick(this.books.agents, a);
        const found = agent?.session === undefined ? undefined : pick([...agent.executors], b);
        if (agent?.session === undefined || found === undefined) return;
        const [key, { frameworkId: owner, executor }] = found;
        agent.executors.delete(key);
        agent.session.say({ kind: 'exited-executor', frameworkId: owner as never, executorId: executor.executorId, status: 9 });
        return;
      }
      case 'garbage':
        pick(this.books.agents, a)?.session?.say(garbage[b] ?? garbage[0]!);
        return;
      case 'operator':
        this.operator(a, b, c);
        return;
      case 'advance':
        this.master.advance(delaysMs[a] ?? 1);
        return;
    }
  }

  private accept(a: number, b: number, c: number, d: number): void {
    const scheduler = this.open(a);
    if (scheduler === undefined) return;
    if (this.books.openOffers(scheduler).length === 0) this.master.advance(6_000); // Past most filters.
    const own = this.ownOffer(scheduler, b);
    const ids = d === 0 ? [own, this.anyOffer(c)] : d === 1 ? [own, own] : d === 2 ? [this.anyOffer(b)] : [own];
    const agent = scheduler.offers.find(({ id }) => id === own)?.agentId ?? 'm-S0';
    const tasks: TaskInfo[] = [this.task(`t${c}`, agent, b), this.task(`t${(c + d) % 6}`, d === 5 ? 'm-S1' : agent, d)];
    this.books.useOffers(scheduler, ids);
    const operations = c === 5 && d === 5 ? [{ kind: 'launch-group', executor: anExecutor('e'), tasks } as const] : [launch(...tasks)];
    const isSubscribed = this.idOf(scheduler) !== undefined;
    scheduler.call({ kind: 'accept', offerIds: ids.map(offerId), operations, filters: { refuseSeconds: b } });
    if (isSubscribed) this.books.checkAnswered(tasks.map((task) => task.taskId));
  }

  private task(id: string, agent: string, shape: number): TaskInfo {
    const resources = ['cpus:1;mem:64', 'cpus:0.1', 'cpus:3;mem:3000', 'cpus:3.9', 'ports:[31000-31002];cpus:0.5', 'cpus:0'][shape] ?? 'cpus:1';
    return shape % 2 === 0 ? aTask(id, agent, resources) : anExecutorTask(id, agent, anExecutor(`e${shape % 3}`, shape === 5 ? 'cpus:0.3' : 'cpus:0.5;mem:64'), resources);
  }

  private anyCall(b: number, c: number, d: number): Exclude<SchedulerCall, { kind: 'subscribe' }> {
    const agent = agentId(`m-S${d}`);
    const calls: Exclude<SchedulerCall, { kind: 'subscribe' }>[] = [
      { kind: 'revive', roles: c < 2 ? [] : ['eng'] },
      { kind: 'suppress', roles: c < 2 ? [] : ['nobody'] },
      { kind: 'kill', taskId: taskId(`t${c}`), ...(d < 3 ? { agentId: agent } : {}) },
      c < 3 ? { kind: 'reconcile', tasks: [] } : { kind: 'reconcile', tasks: [{ taskId: taskId(`t${c}`), agentId: agent }, { taskId: taskId('x') }] },
      c < 3 ? { kind: 'acknowledge', agentId: agent, taskId: taskId(`t${c}`), uuid: uuid(this.updateCount) } : { kind: 'shutdown', agentId: agent, executorId: executorId('e1') },
      c === 0 && d === 0 ? { kind: 'teardown' } : { kind: 'update-framework', frameworkInfo: aFramework({ id: frameworkId(`m-000${d}`), roles: c < 3 ? ['ops'] : ['eng'] }), suppressedRoles: [], offerConstraints: new Map() },
    ];
    return calls[b] ?? { kind: 'request', requests: [] };
  }

  private operator(a: number, b: number, c: number): void {
    const id = this.idOf(pick(this.schedulers, a));
    if (b === 0 && c < 2 && id !== undefined) this.master.operator({ kind: 'teardown', frameworkId: id });
    else if (b < 3) this.master.operator({ kind: 'kill-task', taskId: taskId(`t${c}`) });
    else if (b === 3) this.master.operator({ kind: 'set-weight', role: 'eng', weight: c });
    else if (b === 4) this.setQuota(a < 3 ? 'eng' : 'ops', c);
    else if (a === 5) this.ask(id, c);
    else this.master.operator({ kind: 'read-sandbox', taskId: taskId(`t${c}`), stream: 'stdout', offset: 0, lengthMax: 10 });
  }

  private setQuota(role: string, shape: number): void {
    const amounts = [{}, { cpus: 1_000 }, { cpus: 3_000, mem: 1_024_000 }, { cpus: 100_000 }, { mem: 64_000 }, { cpus: 0 }][shape] ?? {};
    const map = new Map(Object.entries(amounts));
    const config = shape % 2 === 0 ? { role, guarantees: map, limits: new Map() } : { role, guarantees: new Map(), limits: map };
    this.master.operator({ kind: 'update-quota', configs: [config], force: shape > 2 });
  }

  /** Whatever is asked, an answer changes nothing. */
  private ask(frameworkId: ReturnType<Play['idOf']>, shape: number): void {
    if (shape < 3 && frameworkId !== undefined) {
      this.master.ask({ kind: 'explain', frameworkId });
      return;
    }
    const quota = { kind: 'quota', role: 'eng', guarantees: new Map([['cpus', 2_000]]), limits: new Map() } as const;
    const removal = frameworkId === undefined ? [] : [{ kind: 'remove-framework', frameworkId } as const];
    this.master.ask({ kind: 'what-if', changes: [quota, { kind: 'weight', role: 'ops', weight: 3 }, ...removal], division: shape === 3 ? 'afresh' : 'next-batch' });
  }

  private open(index: number): ScriptedScheduler | undefined {
    return pick(
      this.schedulers.filter(({ session }) => this.master.isOpen(`s${session}`)),
      index,
    );
  }

  private idOf(scheduler: ScriptedScheduler | undefined) {
    const subscribed = scheduler?.events.find((event) => event.kind === 'subscribed');
    return subscribed?.kind === 'subscribed' ? subscribed.frameworkId : undefined;
  }

  private ownOffer(scheduler: ScriptedScheduler, index: number): string {
    const open = pick(this.books.openOffers(scheduler), index);
    return open ?? scheduler.offers.at(-1)?.id ?? 'm-O0';
  }

  private anyOffer(index: number): string {
    return pick(this.schedulers.flatMap((one) => one.offers.slice(-2)), index)?.id ?? 'm-O999';
  }

  /** Ends all schedulers, brings all agents back empty-handed, and lets a newcomer look. */
  conserve(): void {
    for (const id of new Set(this.schedulers.map((one) => this.idOf(one)))) if (id !== undefined) this.master.operator({ kind: 'teardown', frameworkId: id });
    for (const agent of this.books.agents) {
      agent.pending = undefined;
      if (agent.id === undefined) continue;
      if (agent.session === undefined) {
        this.books.attach(agent, this.master.agent());
        const report = agent.report(false);
        agent.session!.reregister(agent.id, { info: anAgentInfo({ hostname: agent.hostname }), ...report });
      }
    }
    // Frameworks that had fallen out of the ring of completed ones were taken for recovered: they end, too.
    for (const owner of new Set(this.books.agents.flatMap((agent) => [...agent.frameworks.keys()]))) this.master.operator({ kind: 'teardown', frameworkId: frameworkId(owner) });
    // Nothing is kept free for anybody any more.
    this.master.operator({ kind: 'update-quota', configs: ['eng', 'ops'].map((role) => ({ role, guarantees: new Map(), limits: new Map() })), force: false });
    this.books.check();
    const reply = this.master.ask({ kind: 'get-agents' });
    if (reply.kind === 'agents') for (const agent of reply.agents) expect([agent.id, agent.allocated.toString(), agent.taskCount]).toEqual([agent.id, '', 0]);
    const newcomer = this.master.subscribed({ name: 'newcomer', roles: ['new'] });
    this.master.advance(2_000);
    this.books.check();
    for (const agent of this.books.agents) if (agent.session !== undefined) expect([agent.hostname, this.books.offeredOf(agent)]).toEqual([agent.hostname, agent.total]);
    newcomer.close();
    this.books.voidSession(newcomer.session);
    expect(this.master.core.gauges()).toMatchObject({ offersOutstanding: 0, tasksByState: {} });
  }
}

const garbage: readonly AgentMessage[] = [
  { kind: 'pong' },
  { kind: 'register', info: anAgentInfo(), version: '1' },
  { kind: 'sandbox-chunk', request: 0, outcome: { ok: false, message: 'x' } },
  { kind: 'framework-message', frameworkId: frameworkId('m-0000'), executorId: executorId('e1'), data: new Uint8Array() },
  { kind: 'exited-executor', frameworkId: frameworkId('nobody'), executorId: executorId('e1'), status: -1 },
  { kind: 'status-update', frameworkId: frameworkId('nobody'), status: { taskId: taskId('t0'), state: 'TASK_RUNNING', labels: [] }, latestState: 'TASK_FAILED' },
];

function pick<Thing>(things: readonly Thing[], index: number): Thing | undefined {
  return things.length === 0 ? undefined : things[index % things.length];
}

const start: readonly Act[] = [
  { kind: 'register', a: 0, b: 0, c: 0, d: 0 },
  { kind: 'subscribe', a: 0, b: 5, c: 0, d: 0 },
  { kind: 'register', a: 0, b: 0, c: 0, d: 0 },
  { kind: 'advance', a: 1, b: 0, c: 0, d: 0 },
];

test('whatever peers do, the books stay straight, and in the end everything is free again', () => {
  let launched = 0;
  fc.assert(
    fc.property(fc.array(act, { maxLength: 150, size: 'max' }), (acts) => {
      const play = new Play();
      for (const one of [...start, ...acts]) {
        play.do(one);
        play.books.check();
        play.books.checkCharges();
      }
      play.books.checkTracked();
      play.conserve();
      launched += play.master.core.counters.tasksLaunched;
    }),
    { numRuns: Number(process.env['MASTER_PROPERTY_RUNS'] ?? 300) },
  );
  // The property says nothing unless plays get somewhere.
  expect(launched).toBeGreaterThan(500);
});
