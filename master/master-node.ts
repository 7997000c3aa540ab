// The master node: one candidate for leadership, and while it leads, the hands of the deciding core.
//
// Owns:      the node's states (standby, loading, leading), the sessions of the term, carrying out the core's effects, its one timer.
// Elsewhere: deciding (core/), electing (the Election port), durability (the Registry port), the wire (proto/), flags (main.ts).
// Invariants:
//   N1. A core exists only while leading, one per term, made from the registry as loaded in that term.
//   N2. Nothing is sent or acknowledged unless the candidacy holds at that moment; a doubt ends the term at once.
//   N3. Effects leave through the outbox: never before what they rest on is committed (common/effect-outbox.ts).
//   N4. It leads with all facts of the registry or not at all: one that it cannot read may be a newer release's, and leading would write over it.
//   N5. Ending a term closes every session with the leader's address if known; peers come back by themselves.
// Source: our choice; Mesos masters exit when they lose leadership, ours stand by, because the process is healthy, only its claim is not.

import type { AllocatorFactory } from '../allocator/allocator';
import { EffectOutbox, type OutboxEffect } from '../common/effect-outbox';
import { assertNever, invariant } from '../common/invariant';
import { Histogram } from '../common/metrics';
import type { AgentMessage, MasterMessage } from '../common/model/agent-protocol';
import { masterId } from '../common/model/ids';
import type { OperatorCall, OperatorReply } from '../common/model/operator-protocol';
import type { ReceivedSchedulerCall, SchedulerEvent } from '../common/model/scheduler-protocol';
import { describeRefusal } from '../common/refusal';
import type { Cancel, Candidacy, Election, Environment, Link, LinkEnd, LinkHandler, Log, Registry, RegistryWrite } from '../common/ports';
import { agentFactKey, decodeRegistryFact, encodeRegistryFact, quotaFactKey, weightFactKey } from '../proto/registry-codec';
import type { MasterConfig, MasterEffect, MasterInput, RegistryChange, RegistryFact } from './core/master-step';
import { createMasterCore, type ObservableMasterCore } from './core/master';

export interface MasterNodeOptions {
  readonly config: MasterConfig;
  readonly environment: Environment;
  readonly election: Election;
  readonly registry: Registry;
  /** e.g. `embedded` or `etcd`, for people. */
  readonly registryName: string;
  readonly allocatorFactory: AllocatorFactory;
  /** `host:port` at which agents, schedulers and other masters' redirections find us. */
  readonly address: string;
  readonly version: string;
  readonly log: Log;
}

/** For /health and the log: what the node is doing, and what it is waiting for, if anything. */
export interface MasterHealth {
  readonly role: 'leading' | 'loading' | 'standby' | 'stopped';
  readonly leader?: string;
  /** e.g. `Cannot reach etcd at …`. */
  readonly waitingFor?: string;
}

/** After a failed registry load or write the node waits this long before it stands again: long enough not to hammer a sick store, short beside a lease. */
const recampaignDelayMs = 1_000;

type Send = Exclude<MasterEffect, { kind: 'persist' }>;

interface Term {
  readonly epoch: string;
  readonly core: ObservableMasterCore;
  readonly outbox: EffectOutbox<readonly RegistryChange[], Send>;
  readonly stepTimes: StepTimes;
}

type State =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'standby' }
  | { readonly kind: 'loading'; readonly epoch: string; readonly cancel: Cancel }
  | { readonly kind: 'leading'; readonly term: Term };

/** How long the core took for one input, in seconds: nobody else is served meanwhile. */
export interface StepTimes {
  /** Steps in which the allocator ran. */
  readonly allocating: Histogram;
  readonly other: Histogram;
}

/** From a task's update to a run over ten thousand agents; a second and more is what a lease may be lost by. */
const stepBoundsSeconds = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export class MasterNode {
  private state: State = { kind: 'stopped' };
  private candidacy: Candidacy | undefined;
  private leader: string | undefined;
  private trouble: string | undefined;
  /** Why the registry could not be loaded; undefined once it was. */
  private registryTrouble: string | undefined;
  private nextSession = 1;
  private nextRequest = 1;
  private readonly schedulers = new Map<number, Link<SchedulerEvent>>();
  private readonly agents = new Map<number, Link<MasterMessage>>();
  private readonly requests = new Map<number, (reply: OperatorReply) => void>();
  private cancelTimer: Cancel | undefined;
  private timerAtMs = Infinity;
  private cancelRecampaign: Cancel | undefined;

  constructor(private readonly options: MasterNodeOptions) {}

  /** Stands for election until `stop`. */
  start(): void {
    invariant(this.state.kind === 'stopped', 'a master node is started once at a time');
    this.state = { kind: 'standby' };
    this.campaign();
  }

  /** Ends the term, if any, tells everybody where to go, and resigns. `done` when the election knows. */
  stop(done: () => void): void {
    if (this.state.kind === 'stopped') {
      done();
      return;
    }
    this.endTerm();
    this.state = { kind: 'stopped' };
    this.cancelRecampaign?.();
    const candidacy = this.candidacy;
    this.candidacy = undefined;
    if (candidacy) candidacy.resign(done);
    else done();
  }

  get health(): MasterHealth {
    const waitingFor = this.trouble ?? this.registryTrouble;
    return {
      role: this.state.kind,
      ...(this.leader !== undefined && { leader: this.leader }),
      ...(waitingFor !== undefined && { waitingFor }),
    };
  }

  /** The core of the present term: for metrics. */
  get core(): ObservableMasterCore | undefined {
    return this.state.kind === 'leading' ? this.state.term.core : undefined;
  }

  /** Of the present term; undefined while not leading. */
  get stepTimes(): StepTimes | undefined {
    return this.state.kind === 'leading' ? this.state.term.stepTimes : undefined;
  }

  /** Serves one scheduler session (ports.ts `Accept`). */
  readonly acceptScheduler = (link: Link<SchedulerEvent>, peer: string): LinkHandler<ReceivedSchedulerCall> =>
    this.acceptSession(this.schedulers, link, {
      opened: (session) => ({ kind: 'scheduler-opened', session, peer }),
      messages: (session, calls) => ({ kind: 'scheduler-calls', session, calls }),
      closed: (session, end) => ({ kind: 'scheduler-closed', session, end }),
    });

  /** Serves one agent session (ports.ts `Accept`). */
  readonly acceptAgent = (link: Link<MasterMessage>, peer: string): LinkHandler<AgentMessage> =>
    this.acceptSession(this.agents, link, {
      opened: (session) => ({ kind: 'agent-opened', session, peer }),
      messages: (session, messages) => ({ kind: 'agent-messages', session, messages }),
      closed: (session, end) => ({ kind: 'agent-closed', session, end }),
    });

  /** Answers one operator call; a node that does not lead answers at once with where the leader is. */
  operator(call: OperatorCall, reply: (reply: OperatorReply | { readonly kind: 'not-leader'; readonly leader?: string }) => void): void {
    if (this.state.kind !== 'leading') {
      reply({ kind: 'not-leader', ...(this.leader !== undefined && { leader: this.leader }) });
      return;
    }
    const request = this.nextRequest;
    this.nextRequest += 1;
    this.requests.set(request, reply);
    this.feed({ kind: 'operator-call', request, call });
  }

  private acceptSession<Out, In>(
    sessions: Map<number, Link<Out>>,
    link: Link<Out>,
    inputs: {
      opened(session: number): MasterInput;
      messages(session: number, messages: readonly In[]): MasterInput;
      closed(session: number, end: LinkEnd): MasterInput;
    },
  ): LinkHandler<In> {
    if (this.state.kind !== 'leading') {
      link.close(this.elsewhere());
      return { messages: () => undefined, closed: () => undefined };
    }
    const session = this.nextSession;
    this.nextSession += 1;
    sessions.set(session, link);
    this.feed(inputs.opened(session));
    return {
      messages: (messages) => {
        // A session of an ended term, or one that the core has closed, is heard no more (M3).
        if (sessions.get(session) === link) this.feed(inputs.messages(session, messages));
      },
      closed: (end) => {
        if (sessions.get(session) !== link) return;
        sessions.delete(session);
        this.feed(inputs.closed(session, end));
      },
    };
  }

  private campaign(): void {
    this.candidacy = this.options.election.campaign(this.options.address, {
      elected: (epoch) => this.load(epoch),
      deposed: (reason) => {
        if (this.state.kind !== 'loading' && this.state.kind !== 'leading') return;
        this.options.log.write('warn', 'Leadership lost', { reason });
        this.endTerm();
      },
      leaderChanged: (address) => {
        // Another one leads, so the registry is that one's care.
        if (address !== undefined && address !== this.options.address) this.registryTrouble = undefined;
        if (address !== this.leader) this.options.log.write('info', 'Leader changed', { leader: address ?? 'none' });
        this.leader = address;
      },
      trouble: (message) => {
        if (message !== undefined && message !== this.trouble) this.options.log.write('warn', 'Waiting for the election', { waitingFor: message });
        if (message === undefined && this.trouble !== undefined) this.options.log.write('info', 'Election works again');
        this.trouble = message;
      },
    });
  }

  private load(epoch: string): void {
    if (this.state.kind !== 'standby') return;
    this.options.log.write('info', 'Elected, loading the registry', { epoch });
    const cancel = this.options.registry.load(epoch, (outcome) => {
      if (this.state.kind !== 'loading' || this.state.epoch !== epoch) return;
      if (outcome.kind !== 'loaded') {
        if (outcome.kind === 'failed') this.registryTrouble = `Cannot load the registry: ${outcome.detail}`;
        this.stepDown(outcome.kind === 'fenced' ? 'another term has begun' : `cannot load the registry: ${outcome.detail}`);
        return;
      }
      const facts: RegistryFact[] = [];
      for (const entry of outcome.entries) {
        const fact = decodeRegistryFact(entry.key, entry.value);
        if (!fact.ok) {
          // N4. A master of the release that wrote it may be elected instead.
          const why = `registry fact ${entry.key} is not understood: ${describeRefusal(fact.refusal)}; start the release that wrote it`;
          if (this.registryTrouble !== why) this.options.log.write('error', 'Registry fact not understood', { key: entry.key, ...fact.refusal });
          this.registryTrouble = why;
          this.stepDown(why);
          return;
        }
        facts.push(fact.value);
      }
      this.registryTrouble = undefined;
      this.lead(epoch, facts);
    });
    this.state = { kind: 'loading', epoch, cancel };
  }

  private lead(epoch: string, registry: readonly RegistryFact[]): void {
    const { environment, config, address, version, allocatorFactory, registryName } = this.options;
    const id = masterId(environment.ids.uuid());
    const core = createMasterCore(
      config,
      { masterId: id, masterInfo: { id, address, version }, registry, registryName, electedAtWallMs: environment.clock.wallMs() },
      allocatorFactory,
      environment,
    );
    const outbox = new EffectOutbox<readonly RegistryChange[], Send>({
      commit: (batch, done) => {
        this.options.registry.write(epoch, batch.flatMap((changes) => changes.map(encodeChange)), (outcome) => {
          if (outcome.kind === 'committed') done({ ok: true });
          else done({ ok: false, detail: outcome.kind === 'fenced' ? 'another term has begun' : outcome.detail });
        });
      },
      perform: (effect) => this.perform(epoch, effect),
      failed: (detail) => this.stepDown(`registry write failed: ${detail}`),
    });
    const stepTimes = { allocating: new Histogram(stepBoundsSeconds), other: new Histogram(stepBoundsSeconds) };
    this.state = { kind: 'leading', term: { epoch, core, outbox, stepTimes } };
    this.leader = address;
    this.options.log.write('info', 'Leading', { masterId: id, epoch, agentCount: registry.filter((fact) => fact.kind === 'agent').length });
    this.arm();
  }

  /** We gave up the term ourselves: the candidacy is thrown away, so that nobody waits for a lease that serves nothing, and a new one begins. */
  private stepDown(reason: string): void {
    if (this.state.kind === 'stopped') return;
    this.options.log.write('warn', 'Leadership lost', { reason });
    this.endTerm();
    this.leader = undefined;
    this.candidacy?.resign();
    this.candidacy = undefined;
    this.cancelRecampaign?.();
    this.cancelRecampaign = this.options.environment.clock.schedule(recampaignDelayMs, () => {
      this.cancelRecampaign = undefined;
      if (this.state.kind === 'standby') this.campaign();
    });
  }

  private endTerm(): void {
    if (this.state.kind === 'loading') this.state.cancel();
    if (this.state.kind === 'leading') this.state.term.outbox.stop();
    if (this.leader === this.options.address) this.leader = undefined;
    this.state = { kind: 'standby' };
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.timerAtMs = Infinity;
    const end = this.elsewhere();
    for (const link of this.schedulers.values()) link.close(end);
    for (const link of this.agents.values()) link.close(end);
    this.schedulers.clear();
    this.agents.clear();
    const requests = [...this.requests.values()];
    this.requests.clear();
    for (const reply of requests) reply({ kind: 'unavailable', message: 'this master stopped leading before it could answer' });
  }

  private elsewhere(): LinkEnd {
    return { kind: 'not-leader', ...(this.leader !== undefined && this.leader !== this.options.address && { leader: this.leader }) };
  }

  private feed(input: MasterInput): void {
    if (this.state.kind !== 'leading') return;
    const { term } = this.state;
    if (!this.provesLeadership(term.epoch)) return;
    if (term.outbox.isFull) {
      this.stepDown('the registry takes no writes, and too much waits for it');
      return;
    }
    const { clock } = this.options.environment;
    const nowMs = clock.nowMs();
    const runsBefore = term.core.allocatorRuns;
    const effects = term.core.step(input, { nowMs, wallMs: clock.wallMs() });
    const { stepTimes } = term;
    (term.core.allocatorRuns > runsBefore ? stepTimes.allocating : stepTimes.other).observe((clock.nowMs() - nowMs) / 1_000);
    term.outbox.put(effects.map(asOutboxEffect));
    this.arm();
  }

  /** N2. Ends the term when the proof has run out, even if the election's own timer is late. */
  private provesLeadership(epoch: string): boolean {
    if (this.candidacy?.holds(epoch) === true) return true;
    this.stepDown('the lease may have run out');
    return false;
  }

  private perform(epoch: string, effect: Send): void {
    if (effect.kind === 'log') {
      this.options.log.write(effect.level, effect.message, effect.fields);
      return;
    }
    if (!this.provesLeadership(epoch)) return;
    switch (effect.kind) {
      case 'send-scheduler':
        this.schedulers.get(effect.session)?.send(effect.events);
        return;
      case 'close-scheduler':
        this.schedulers.get(effect.session)?.close();
        this.schedulers.delete(effect.session);
        return;
      case 'send-agent':
        this.agents.get(effect.session)?.send(effect.messages);
        return;
      case 'close-agent':
        this.agents.get(effect.session)?.close();
        this.agents.delete(effect.session);
        return;
      case 'reply-operator': {
        const reply = this.requests.get(effect.request);
        this.requests.delete(effect.request);
        reply?.(effect.reply);
        return;
      }
      default:
        assertNever(effect);
    }
  }

  /** One timer for the core's earliest deadline; set again only when that moved. */
  private arm(): void {
    if (this.state.kind !== 'leading') return;
    const atMs = this.state.term.core.nextDeadlineMs();
    if (atMs === this.timerAtMs) return;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.timerAtMs = atMs;
    if (atMs === Infinity) return;
    const { clock } = this.options.environment;
    this.cancelTimer = clock.schedule(Math.max(0, atMs - clock.nowMs()), () => {
      this.cancelTimer = undefined;
      this.timerAtMs = Infinity;
      this.feed({ kind: 'time-advanced' });
      this.arm();
    });
  }
}

function asOutboxEffect(effect: MasterEffect): OutboxEffect<readonly RegistryChange[], Send> {
  return effect.kind === 'persist' ? { durable: true, value: effect.changes } : { durable: false, value: effect };
}

function encodeChange(change: RegistryChange): RegistryWrite {
  switch (change.kind) {
    case 'put':
      return { kind: 'put', ...encodeRegistryFact(change.fact) };
    case 'delete-agent':
      return { kind: 'delete', key: agentFactKey(change.agentId) };
    case 'delete-weight':
      return { kind: 'delete', key: weightFactKey(change.role) };
    case 'delete-quota':
      return { kind: 'delete', key: quotaFactKey(change.role) };
    default:
      return assertNever(change);
  }
}
