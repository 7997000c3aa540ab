// Term books: what a leading master knows, kept by those who watch it from what it says and hears.
//
// Owns:      per term the open offers, what runs on which agent in which role, and who has a session.
// Elsewhere: what must hold of it (resource-checker.ts, quota-checker.ts), the master's own books (master/core/, allocator/).
// Invariants:
//   B1. The books are those of the present term, made from what masters say and hear: an offer is open from being said until it is answered,
//       rescinded, or its session ends; a task is charged from RUN_TASK, or from a re-registration, until a terminal state is heard.
//   B2. Where the books cannot know (a refused ACCEPT leaves its offers open), they err towards less in use: no false alarm.
// Source: DESIGN, "What the simulation asserts".

import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { Offer } from '../../common/model/offer';
import type { ReceivedSchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { Resource } from '../../common/model/resources';
import type { ClusterSight, EtcdSight } from '../../frameworks/sdk/testing';
import { decodeRegistryFact } from '../../proto/registry-codec';
import { amountsOf, type Amounts } from './amounts';
import { isMaster } from './violation';

/** The checkers' own list: what ends a task for good. */
export const endStates: ReadonlySet<string> = new Set(['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_ERROR', 'TASK_LOST', 'TASK_DROPPED', 'TASK_GONE', 'TASK_GONE_BY_OPERATOR']);

/** What a task or an executor has. */
export interface Holding {
  readonly frameworkId: string;
  /** In whose name; undefined where its resources do not say. */
  readonly role: string | undefined;
  readonly amounts: Amounts;
}

export interface AgentBook {
  readonly total: Amounts;
  readonly tasks: Map<string, Holding>;
  readonly executors: Map<string, Holding>;
  /** In the registry it is unreachable, or not at all: nothing of it counts any more. */
  isGivenUp: boolean;
}

export interface TermBook {
  readonly epoch: string;
  readonly offers: Map<string, { readonly link: number; readonly agentId: string; readonly role: string; readonly amounts: Amounts }>;
  readonly agents: Map<string, AgentBook>;
  /** What an agent said on a link of which the master has not yet said who it is. */
  readonly arriving: Map<number, AgentBook>;
  readonly agentOfLink: Map<number, string>;
  readonly frameworkOfLink: Map<number, string>;
}

const newTerm = (epoch: string): TermBook => ({ epoch, offers: new Map(), agents: new Map(), arriving: new Map(), agentOfLink: new Map(), frameworkOfLink: new Map() });

export class TermBooks {
  /** By master host. */
  private readonly terms = new Map<string, TermBook>();

  /** `offered` is called for each OFFERS as it is said, when the books already have it. */
  constructor(private readonly offered: (term: TermBook, offers: readonly Offer[]) => void) {}

  see(sight: ClusterSight): void {
    if (sight.source === 'etcd') this.onEtcd(sight.sight);
    if (sight.source !== 'network') return;
    const { sight: seen } = sight;
    if (seen.kind === 'sent' && isMaster(seen.from)) this.said(this.termOf(seen.from), seen.service, seen.link, seen.messages);
    else if (seen.kind === 'delivered' && isMaster(seen.to)) this.heard(this.termOf(seen.to), seen.service, seen.link, seen.messages);
    else if (seen.kind === 'ended' && isMaster(seen.host)) this.ended(this.termOf(seen.host), seen.link);
  }

  /** The present or last term of that master. */
  termOf(host: string): TermBook {
    const term = this.terms.get(host) ?? newTerm('');
    this.terms.set(host, term);
    return term;
  }

  private onEtcd(sight: EtcdSight): void {
    if (sight.kind === 'elected') this.terms.set(sight.address.split(':')[0] ?? '', newTerm(sight.epoch));
    if (sight.kind !== 'applied') return;
    const term = [...this.terms.values()].find(({ epoch }) => epoch === sight.epoch);
    for (const write of sight.writes) {
      const agent = write.key.startsWith('agents/') ? term?.agents.get(write.key.slice('agents/'.length)) : undefined;
      if (!agent) continue;
      const fact = write.kind === 'put' ? decodeRegistryFact(write.key, write.value) : undefined;
      if (fact === undefined || (fact.ok && fact.value.kind === 'agent' && fact.value.state === 'unreachable')) agent.isGivenUp = true;
    }
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
    term.frameworkOfLink.delete(link);
  }

  private toScheduler(term: TermBook, link: number, event: SchedulerEvent): void {
    if (event.kind === 'subscribed') term.frameworkOfLink.set(link, event.frameworkId);
    if (event.kind === 'rescind') term.offers.delete(event.offerId);
    if (event.kind !== 'offers') return;
    for (const { id, agentId, role, resources } of event.offers) term.offers.set(id, { link, agentId, role, amounts: amountsOf(resources) });
    this.offered(term, event.offers);
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
      agent.tasks.set(`${framework.id}/${task.taskId}`, holding(framework.id, task.resources));
      if (launchExecutor && task.executor) agent.executors.set(`${framework.id}/${task.executor.executorId}`, holding(framework.id, task.executor.resources));
    } else if (message.kind === 'shutdown-framework') {
      for (const holdings of [agent.tasks, agent.executors]) {
        for (const [key, { frameworkId }] of holdings) if (frameworkId === message.frameworkId) holdings.delete(key);
      }
    }
  }

  private fromAgent(term: TermBook, link: number, message: AgentMessage): void {
    if (message.kind === 'register') {
      term.arriving.set(link, newAgent(message.info.resources));
    } else if (message.kind === 'reregister') {
      const book = newAgent(message.info.resources);
      for (const { frameworkId, task, state } of message.tasks) if (!endStates.has(state)) book.tasks.set(`${frameworkId}/${task.taskId}`, holding(frameworkId, task.resources));
      for (const { frameworkId, executor } of message.executors) book.executors.set(`${frameworkId}/${executor.executorId}`, holding(frameworkId, executor.resources));
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
  return { total: amountsOf(total), tasks: new Map(), executors: new Map(), isGivenUp: false };
}

function holding(frameworkId: string | undefined, resources: Iterable<Resource>): Holding {
  const [first] = resources;
  return { frameworkId: frameworkId ?? '', role: first?.allocationRole, amounts: amountsOf(resources) };
}
