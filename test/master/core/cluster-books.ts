// Cluster books: an independent account of who holds what.
//
// Owns:      model agents, which do as told and know what runs on them, and a ledger of offers kept from what schedulers hear and say.
// Elsewhere: what is done to the cluster (master-property.test.ts). Shares no code with the core: amounts are plain thousandths here.
// Invariants checked after every step, each by name in `check`:
//   K1. On each agent: offered plus running is at most its total.
//   K2. An offer id is given once, to one session, and is void once used, rescinded, or its session over.
//   K3. Every task of an ACCEPT is run or answered in the same step.
//   K4. Every task running on a reachable agent, of a live framework, is known to the master as running there (or as a stray of it).
//   K5. What the allocator charges a live framework, beyond its offers, is exactly what runs of it on the agents that count.

import type { AgentMessage, MasterMessage, TaskReport } from '../../../common/model/agent-protocol';
import type { FrameworkInfo } from '../../../common/model/framework';
import type { Offer } from '../../../common/model/offer';
import type { Resources } from '../../../common/model/resources';
import type { SchedulerEvent } from '../../../common/model/scheduler-protocol';
import type { ExecutorInfo } from '../../../common/model/task';
import type { MasterEffect } from '../../../master/core/master-step';
import type { ScriptedAgent, ScriptedMaster, ScriptedScheduler } from './scripted-master';

type Amounts = readonly [cpus: number, mem: number];

const amountsOf = (resources: Resources): Amounts => {
  const sums: [number, number] = [0, 0];
  for (const { name, value } of resources) if (value.kind === 'scalar' && (name === 'cpus' || name === 'mem')) sums[name === 'cpus' ? 0 : 1] += value.milli;
  return sums;
};

/** What one machine really runs. It survives sessions, and leaders. */
export class ModelAgent {
  id: string | undefined;
  session: ScriptedAgent | undefined;
  /** Said in a report that is not answered yet. */
  pending: { tasks: Map<string, TaskReport>; executors: Map<string, { frameworkId: string; executor: ExecutorInfo }> } | undefined;
  tasks = new Map<string, TaskReport>();
  executors = new Map<string, { frameworkId: string; executor: ExecutorInfo }>();
  readonly frameworks = new Map<string, FrameworkInfo>();

  constructor(
    readonly hostname: string,
    readonly total: Amounts,
  ) {}

  get running(): Amounts[] {
    return [...[...this.tasks.values()].map(({ task }) => amountsOf(task.resources)), ...[...this.executors.values()].map(({ executor }) => amountsOf(executor.resources))];
  }

  hear(message: MasterMessage): void {
    switch (message.kind) {
      case 'registered':
        this.id = message.agentId;
        return;
      case 'reregistered':
        this.id = message.agentId;
        if (this.pending !== undefined) ({ tasks: this.tasks, executors: this.executors } = this.pending);
        this.pending = undefined;
        return;
      case 'run-task': {
        const { task, framework, launchExecutor } = message;
        const owner = String(framework.id);
        this.frameworks.set(owner, framework);
        this.tasks.set(`${owner}/${task.taskId}`, { frameworkId: owner as never, task, executorId: (task.executor?.executorId ?? task.taskId) as never, state: 'TASK_STAGING' });
        if (task.executor === undefined) return;
        const key = `${owner}/${task.executor.executorId}`;
        if (this.executors.has(key) === launchExecutor) throw new Error(`the launch flag contradicts the agent for ${key}`);
        this.executors.set(key, { frameworkId: owner, executor: task.executor });
        return;
      }
      case 'shutdown-framework':
        this.forget(message.frameworkId);
        return;
    }
  }

  private forget(frameworkId: string): void {
    for (const key of [...this.tasks.keys()]) if (key.startsWith(`${frameworkId}/`)) this.tasks.delete(key);
    for (const key of [...this.executors.keys()]) if (key.startsWith(`${frameworkId}/`)) this.executors.delete(key);
    this.frameworks.delete(frameworkId);
  }

  /** The report that it would make, and the state that it is in once the report is taken. */
  report(isLying: boolean): Partial<Extract<AgentMessage, { kind: 'reregister' }>> {
    const tasks = new Map(isLying ? [...this.tasks].slice(1) : this.tasks);
    const executors = new Map(isLying ? [...this.executors].slice(1) : this.executors);
    this.pending = { tasks, executors };
    return { tasks: [...tasks.values()], executors: [...executors.values()] as never, frameworks: [...this.frameworks.values()] };
  }
}

export class ClusterBooks {
  readonly agents: ModelAgent[] = [];
  private readonly bySession = new Map<number, ModelAgent>();
  private readonly offers = new Map<string, { session: number; agent: string; amounts: Amounts }>();
  private readonly seen = new Set<string>();
  /** Task ids that something was said about in this step: run, or answered by an update. */
  private answered = new Set<string>();

  constructor(readonly master: ScriptedMaster) {
    master.observe = (effect): void => this.observe(effect);
  }

  attach(agent: ModelAgent, session: ScriptedAgent): void {
    agent.session = session;
    this.bySession.set(session.session, agent);
  }

  private observe(effect: MasterEffect): void {
    if (effect.kind === 'send-scheduler') for (const event of effect.events) this.hear(effect.session, event);
    else if (effect.kind === 'close-scheduler') this.voidSession(effect.session);
    else if (effect.kind === 'send-agent') {
      for (const message of effect.messages) {
        if (message.kind === 'run-task') this.answered.add(message.task.taskId);
        this.bySession.get(effect.session)?.hear(message);
      }
    } else if (effect.kind === 'close-agent') {
      const agent = this.bySession.get(effect.session);
      if (agent?.session?.session === effect.session) {
        agent.session = undefined;
        agent.pending = undefined;
      }
    }
  }

  private hear(session: number, event: SchedulerEvent): void {
    if (event.kind === 'offers') for (const offer of event.offers) this.offered(session, offer);
    else if (event.kind === 'rescind') {
      if (this.offers.get(event.offerId)?.session !== session) throw new Error(`K2: ${event.offerId} rescinded, but not out`);
      this.offers.delete(event.offerId);
    } else if (event.kind === 'update') this.answered.add(event.status.taskId);
    else if (event.kind === 'subscribed') this.voidSession(session);
  }

  private offered(session: number, offer: Offer): void {
    if (this.seen.has(offer.id)) throw new Error(`K2: ${offer.id} offered twice`);
    this.seen.add(offer.id);
    this.offers.set(offer.id, { session, agent: offer.agentId, amounts: amountsOf(offer.resources) });
  }

  /** The session is over, or began anew: whatever it held is void. */
  voidSession(session: number): void {
    for (const [id, offer] of [...this.offers]) if (offer.session === session) this.offers.delete(id);
  }

  /** Before the scheduler declines these: one of another's refuses the call, and then nothing changes. */
  declineOffers(scheduler: ScriptedScheduler, ids: readonly string[]): void {
    if (ids.every((id) => (this.offers.get(id)?.session ?? scheduler.session) === scheduler.session)) this.useOffers(scheduler, ids);
  }

  /** Before the scheduler uses these: what is its own is void afterwards, whatever comes of it. */
  useOffers(scheduler: ScriptedScheduler, ids: readonly string[]): void {
    for (const id of ids) if (this.offers.get(id)?.session === scheduler.session) this.offers.delete(id);
  }

  openOffers(scheduler: ScriptedScheduler): string[] {
    return [...this.offers].filter(([, offer]) => offer.session === scheduler.session).map(([id]) => id);
  }

  beginStep(): void {
    this.answered = new Set();
  }

  /** K3 */
  checkAnswered(ids: readonly string[]): void {
    for (const id of ids) if (!this.answered.has(id)) throw new Error(`K3: silence about ${id}`);
  }

  /** K1 */
  check(): void {
    for (const agent of this.agents) {
      const held = [...agent.running, ...[...this.offers.values()].filter((offer) => offer.agent === agent.id).map(({ amounts }) => amounts)];
      for (const which of [0, 1] as const) {
        const sum = held.reduce((total, amounts) => total + amounts[which], 0);
        if (sum > agent.total[which]) throw new Error(`K1: ${agent.id ?? '?'} has ${agent.total[which]} and holds ${sum} (${which === 0 ? 'cpus' : 'mem'})`);
      }
    }
  }

  /** K4 */
  checkTracked(): void {
    const reply = this.master.ask({ kind: 'get-tasks', includeCompleted: false });
    const frameworks = this.master.ask({ kind: 'get-frameworks' });
    if (reply.kind !== 'tasks' || frameworks.kind !== 'frameworks') throw new Error('no answer');
    const live = new Set<string>(frameworks.frameworks.filter(({ state }) => state !== 'completed').map(({ id }) => id));
    const tracked = new Map<string, string>(reply.tasks.map((task) => [`${task.frameworkId}/${task.id}`, task.agentId]));
    for (const agent of this.agents) {
      if (agent.session === undefined || agent.id === undefined) continue;
      for (const [key, { frameworkId }] of agent.tasks) {
        if (live.has(frameworkId) && !tracked.has(key)) throw new Error(`K4: ${key} runs on ${agent.id} and the master does not know it`);
      }
    }
  }

  /** K5 */
  checkCharges(): void {
    const agents = this.master.ask({ kind: 'get-agents' });
    const frameworks = this.master.ask({ kind: 'get-frameworks' });
    if (agents.kind !== 'agents' || frameworks.kind !== 'frameworks') throw new Error('no answer');
    const expected = new Set<string>(agents.agents.filter(({ state }) => state === 'active' || state === 'disconnected').map(({ id }) => id));
    const real = new Map<string, [number, number]>();
    const add = (frameworkId: string, [cpus, mem]: Amounts): void => {
      const sum = real.get(frameworkId) ?? [0, 0];
      real.set(frameworkId, [sum[0] + cpus, sum[1] + mem]);
    };
    for (const agent of this.agents) {
      if (agent.id === undefined || !expected.has(agent.id)) continue;
      for (const { frameworkId, task } of agent.tasks.values()) add(frameworkId, amountsOf(task.resources));
      for (const { frameworkId, executor } of agent.executors.values()) add(frameworkId, amountsOf(executor.resources));
    }
    for (const { id, state, allocated } of frameworks.frameworks) {
      if (state === 'completed') continue;
      const [cpus, mem] = real.get(id) ?? [0, 0];
      const charged = [allocated.get('cpus') ?? 0, allocated.get('mem') ?? 0];
      if (charged[0] !== cpus || charged[1] !== mem) throw new Error(`K5: ${id} is charged ${charged.join()} and uses ${cpus},${mem}`);
    }
  }

  /** Sums of what is offered of each agent now. */
  offeredOf(agent: ModelAgent): Amounts {
    const mine = [...this.offers.values()].filter((offer) => offer.agent === agent.id).map(({ amounts }) => amounts);
    return [mine.reduce((sum, [cpus]) => sum + cpus, 0), mine.reduce((sum, [, mem]) => sum + mem, 0)];
  }
}
