// Resource checker: nothing is offered or used twice.
//
// Owns:      the promises "what is offered plus what is in use on an agent never exceeds its total" and "an offer is made once, to one framework".
// Elsewhere: the master's own books (master/core/, allocator/).
// Invariants:
//   B1. The books are those of the present term, made from what masters say and hear: an offer is open from being said until it is answered,
//       rescinded, or its session ends; a task is charged from RUN_TASK, or from a re-registration, until a terminal state is heard.
//   B2. Where the books cannot know (a refused ACCEPT leaves its offers open), they err towards less in use: no false alarm.
// Source: DESIGN, "What the simulation asserts".

import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { ReceivedSchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { Resource } from '../../common/model/resources';
import type { TaskInfo } from '../../common/model/task';
import type { ClusterSight } from '../../frameworks/sdk/testing';
import { amountsOf, excess, sumOf, type Amounts } from './amounts';
import { isMaster, Violation, type Checker } from './violation';

/** The checkers' own list: what ends a task for good. */
export const endStates: ReadonlySet<string> = new Set(['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_ERROR', 'TASK_LOST', 'TASK_DROPPED', 'TASK_GONE', 'TASK_GONE_BY_OPERATOR']);

interface AgentBook {
  readonly total: Amounts;
  readonly tasks: Map<string, Amounts>;
  readonly executors: Map<string, Amounts>;
}

interface TermBook {
  readonly offers: Map<string, { readonly link: number; readonly agentId: string; readonly amounts: Amounts }>;
  readonly agents: Map<string, AgentBook>;
  /** What an agent said on a link of which the master has not yet said who it is. */
  readonly arriving: Map<number, AgentBook>;
  readonly agentOfLink: Map<number, string>;
}

const newTerm = (): TermBook => ({ offers: new Map(), agents: new Map(), arriving: new Map(), agentOfLink: new Map() });

export class ResourceChecker implements Checker {
  /** By master host. */
  private readonly terms = new Map<string, TermBook>();
  private readonly offersEver = new Set<string>();
  /** Offers checked: a run in which nothing was offered proves nothing. */
  offerCount = 0;

  see(sight: ClusterSight): void {
    if (sight.source === 'etcd' && sight.sight.kind === 'elected') this.terms.set(sight.sight.address.split(':')[0] ?? '', newTerm());
    if (sight.source !== 'network') return;
    const { sight: seen } = sight;
    if (seen.kind === 'sent' && isMaster(seen.from)) this.said(this.termOf(seen.from), seen.service, seen.link, seen.messages);
    else if (seen.kind === 'delivered' && isMaster(seen.to)) this.heard(this.termOf(seen.to), seen.service, seen.link, seen.messages);
    else if (seen.kind === 'ended' && isMaster(seen.host)) this.ended(this.termOf(seen.host), seen.link);
  }

  private termOf(host: string): TermBook {
    const term = this.terms.get(host) ?? newTerm();
    this.terms.set(host, term);
    return term;
  }

  private said(term: TermBook, service: string, link: number, messages: readonly unknown[]): void {
    if (service === 'schedulers') for (const event of messages as readonly SchedulerEvent[]) this.toScheduler(term, link, event);
    if (service === 'agents') for (const message of messages as readonly MasterMessage[]) this.toAgent(term, link, message);
  }

  private heard(term: TermBook, service: string, link: number, messages: readonly unknown[]): void {
    if (service === 'agents') for (const message of messages as readonly AgentMessage[]) this.fromAgent(term, link, message);
    if (service !== 'schedulers') return;
    for (const received of messages as readonly (SchedulerCallEnvelope | ReceivedSchedulerCall)[]) {
      const envelope = 'ok' in received ? (received.ok ? received.value : undefined) : received;
      if (envelope?.call.kind !== 'accept' && envelope?.call.kind !== 'decline') continue;
      for (const offerId of envelope.call.offerIds) if (term.offers.get(offerId)?.link === link) term.offers.delete(offerId);
    }
  }

  private ended(term: TermBook, link: number): void {
    for (const [offerId, offer] of term.offers) if (offer.link === link) term.offers.delete(offerId);
    term.arriving.delete(link);
    term.agentOfLink.delete(link);
  }

  private toScheduler(term: TermBook, link: number, event: SchedulerEvent): void {
    if (event.kind === 'rescind') term.offers.delete(event.offerId);
    if (event.kind !== 'offers') return;
    for (const { id, agentId, resources, frameworkId } of event.offers) {
      if (this.offersEver.has(id)) throw new Violation('No offer is with two frameworks', `${id} was offered again, to ${frameworkId}`);
      this.offersEver.add(id);
      this.offerCount += 1;
      term.offers.set(id, { link, agentId, amounts: amountsOf(resources) });
    }
    for (const agentId of new Set(event.offers.map((offer) => offer.agentId))) this.check(term, agentId);
  }

  private check(term: TermBook, agentId: string): void {
    const agent = term.agents.get(agentId);
    if (!agent) throw new Violation('Only registered agents are offered', agentId);
    const offered = [...term.offers.values()].filter((offer) => offer.agentId === agentId).map((offer) => offer.amounts);
    const tooMuch = excess(sumOf([...offered, ...agent.tasks.values(), ...agent.executors.values()]), agent.total);
    if (tooMuch === undefined) return;
    throw new Violation('What is offered plus what is in use on an agent never exceeds its total', `${agentId}: ${tooMuch} (${offered.length} offers, tasks ${[...agent.tasks.keys()].join(', ') || 'none'})`);
  }

  private toAgent(term: TermBook, link: number, message: MasterMessage): void {
    if (message.kind === 'registered' || message.kind === 'reregistered') {
      const book = term.arriving.get(link);
      if (book) term.agents.set(message.agentId, book);
      term.arriving.delete(link);
      term.agentOfLink.set(link, message.agentId);
      return;
    }
    const agent = this.agentOn(term, link);
    if (!agent) return;
    if (message.kind === 'run-task') {
      const { task, framework, launchExecutor } = message;
      agent.tasks.set(taskKey(framework.id, task), amountsOf(task.resources));
      if (launchExecutor && task.executor) agent.executors.set(`${framework.id}/${task.executor.executorId}`, amountsOf(task.executor.resources));
    } else if (message.kind === 'shutdown-framework') {
      const isOfFramework = (key: string): boolean => key.startsWith(`${message.frameworkId}/`);
      for (const key of agent.tasks.keys()) if (isOfFramework(key)) agent.tasks.delete(key);
      for (const key of agent.executors.keys()) if (isOfFramework(key)) agent.executors.delete(key);
    }
  }

  private fromAgent(term: TermBook, link: number, message: AgentMessage): void {
    if (message.kind === 'register') {
      term.arriving.set(link, newAgent(message.info.resources));
    } else if (message.kind === 'reregister') {
      const book = newAgent(message.info.resources);
      for (const { frameworkId, task, state } of message.tasks) if (!endStates.has(state)) book.tasks.set(taskKey(frameworkId, task), amountsOf(task.resources));
      for (const { frameworkId, executor } of message.executors) book.executors.set(`${frameworkId}/${executor.executorId}`, amountsOf(executor.resources));
      term.arriving.set(link, book);
    } else if (message.kind === 'status-update') {
      const { frameworkId, status, latestState } = message;
      if (endStates.has(latestState)) this.agentOn(term, link)?.tasks.delete(`${frameworkId}/${status.taskId}`);
    } else if (message.kind === 'exited-executor') {
      this.agentOn(term, link)?.executors.delete(`${message.frameworkId}/${message.executorId}`);
    }
  }

  private agentOn(term: TermBook, link: number): AgentBook | undefined {
    const agentId = term.agentOfLink.get(link);
    return agentId === undefined ? undefined : term.agents.get(agentId);
  }
}

function newAgent(total: Iterable<Resource>): AgentBook {
  return { total: amountsOf(total), tasks: new Map(), executors: new Map() };
}

function taskKey(frameworkId: string | undefined, task: TaskInfo): string {
  return `${frameworkId}/${task.taskId}`;
}
