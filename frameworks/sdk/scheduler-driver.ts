// Scheduler driver: a framework's side of its conversation with the master.
//
// Owns:      the subscription and its return after every interruption; which calls may be made when; the order between handlers and
//            acknowledgements; that nothing a user launched or was told is lost.
// Elsewhere: finding the leader (common/leader-session.ts), heartbeats (the link), offers, tasks, updates, questions and demand each in their
//            own file beside this one; process and transport (connect.ts).
// Invariants:
//   S1. The driver ends by `stop`, or by what scheduler-error.ts names. Whatever else happens, it comes back under the same framework id.
//   S2. An update is acknowledged after the user took it, and not before (update-inbox.ts).
//   S3. Every task id handed to `launch` or `accept` gets an update: from the cluster, or, when the call could not be made or was refused,
//       one made here (TASK_DROPPED, TASK_ERROR) that says so.
//   S4. A kill is asked for again in every session until the task is over, and within a session whenever the task turns out to be alive: a master
//       forgets a kill of a task whose agent is away, and one of a task that it does not know yet.
//   S5. After each subscription every live task is asked about until something was heard (reconciler.ts).
//   S6. No offer is kept that nobody wants: what handlers leave is declined, and so is what comes for a role without demand.
//   S7. What is said within one turn leaves as one batch, in the order of saying.
//   S8. Without async handlers there is no promise in here: a driver runs in virtual time.
// Source: Mesos scheduler driver and v1 scheduler API; at-least-once rules of docs/high-availability-framework-guide.md.

import type { Backoff } from '../../common/backoff';
import { describeError } from '../../common/errors';
import { describeLinkEnd, LeaderSession, type AddressSource } from '../../common/leader-session';
import { checkTaskId, idLengthMax, type AgentId, type ExecutorId, type FrameworkId, type OfferId, type TaskId } from '../../common/model/ids';
import type { FrameworkInfo } from '../../common/model/framework';
import type { Offer, OfferOperation } from '../../common/model/offer';
import type { SchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { KillPolicy, TaskInfo } from '../../common/model/task';
import { isTerminal } from '../../common/model/task-states';
import type { TaskReason, TaskState, TaskStatus } from '../../common/model/task-status';
import { burstBytesMax, sizeOf, taskInfoBytesMax } from '../../common/model/message-size';
import type { Cancel, Dialer, Environment, LinkEnd, Log } from '../../common/ports';
import { refused } from '../../common/refusal';
import type { AgentPredicate } from './agent-predicate';
import { Demand } from './demand';
import { callHandler, type MaybePromise } from './handler-call';
import { OfferSpace, pack, type Packed } from './matching';
import { acceptBytesMax, checkDataSize, checkMessageSize } from './message-size';
import { OfferTable } from './offer-table';
import { RecentMap } from './recent-map';
import { Reconciler, tasksPerQuestionMax, type AskedTask } from './reconciler';
import { inputError } from './resource-request';
import { SchedulerError, schedulerErrorCode } from './scheduler-error';
import {
  describeRefusedCall,
  frameworkIdOf,
  frameworkInfoOf,
  refuseSecondsOf,
  type DriverTrouble,
  type SchedulerHandlers,
  type SchedulerOptions,
} from './scheduler-options';
import { bytesOf, checkDuration, type TaskDraft } from './task-builder';
import { TaskTable, taskCountMax, type KillWish } from './task-table';
import { UpdateInbox } from './update-inbox';

/** The world around a driver. */
export interface SchedulerConnection {
  readonly environment: Environment;
  readonly dialer: Dialer<SchedulerCallEnvelope, SchedulerEvent>;
  readonly addresses: AddressSource;
  readonly log: Log;
  /** Default: that of all peers of a master. */
  readonly backoff?: Backoff;
}

/** Whether a call left; if not, why. `sent` promises no effect: effects arrive as events. */
export type CallOutcome =
  | { readonly sent: true }
  /** `not-subscribed`: no session just now. A kill or a demand is remembered and stated later; anything else may be tried again. */
  | { readonly sent: false; readonly reason: 'not-subscribed' | 'offer-gone' | 'nothing-fits' | 'task-ended' | 'stopped' };

export interface Launched<Draft> {
  readonly taskId: TaskId;
  readonly task: TaskInfo;
  readonly draft: Draft;
}

export interface LaunchOutcome<Draft> {
  readonly outcome: CallOutcome;
  /** An update will come for each of these, also when the call was not sent (S3). */
  readonly launched: readonly Launched<Draft>[];
  /** What did not fit; nothing happened to these. */
  readonly rest: readonly Draft[];
}

/** How a driver ended; undefined error: it was stopped. */
export type SchedulerEnd = { readonly error?: SchedulerError };

/**
 * SUBSCRIBE is answered within this, or the session is made anew. A master answers in milliseconds; one that lives (its heartbeats come)
 * but does not answer is stuck, and another may lead by now.
 */
export const subscribeTimeoutMs = 15_000;

/** A stop that tears down waits this long for a master to confirm it; then the failover timeout has to do. */
export const stopTimeoutMs = 10_000;

/** Launches that a refusal may still name. Refusals come within a round trip, so older calls were carried out. */
const launchCallCountMax = 4_096;

/** What an id takes at most in a message, in characters of up to four bytes, and two of them with what is around them. */
const idBytesMax = 4 * idLengthMax;
const identityBytesMax = 2 * idBytesMax + 64;

type DriverState = 'new' | 'connecting' | 'subscribing' | 'subscribed' | 'disconnected' | 'stopping' | 'ended';

export class SchedulerDriver {
  private readonly environment: Environment;
  private readonly log: Log;
  private readonly session: LeaderSession<SchedulerCallEnvelope, SchedulerEvent>;
  private readonly handlers: SchedulerHandlers;
  private readonly info: FrameworkInfo;
  private readonly offers: OfferTable;
  private readonly tasks = new TaskTable();
  private readonly inbox: UpdateInbox;
  private readonly reconciler: Reconciler;
  private readonly demand: Demand;
  private readonly refuseSeconds: number;
  /** Tasks that a master takes in one call: each goes to the agent with a copy of the FrameworkInfo (common/model/message-size.ts). */
  private readonly launchCountMax: number;
  private readonly launchCalls = new RecentMap<number, { readonly offerIds: readonly OfferId[]; readonly tasks: readonly TaskInfo[] }>(launchCallCountMax);

  private state: DriverState = 'new';
  /** While stopping: whether a session stands on which to say goodbye. */
  private isLinked = false;
  private id: FrameworkId | undefined;
  /** Ask for everything at the next subscription: tasks of an earlier process may exist. */
  private isResuming: boolean;
  private cancelSubscribeTimeout: Cancel | undefined;
  private cancelStop: Cancel | undefined;
  private cancelSynthesis: Cancel | undefined;
  private synthesized: TaskStatus[] = [];
  private readonly held = new Set<OfferId>();
  /** Handlers that offers wait for: `subscribed`, and `offers` itself. */
  private offerBarriers = 0;
  /** Demand has changed, and offers that were wanted may not be any more (S6). */
  private mustReviewOffers = false;
  private outbox: SchedulerCallEnvelope[] = [];
  private turnDepth = 0;
  private callNumber = 0;
  private end: SchedulerEnd | undefined;
  private endListeners: ((end: SchedulerEnd) => void)[] = [];

  /** Throws INPUT_REFUSED when the options do not describe a framework. */
  constructor(
    private readonly options: SchedulerOptions,
    connection: SchedulerConnection,
  ) {
    this.environment = connection.environment;
    this.log = connection.log;
    this.handlers = options;
    this.info = frameworkInfoOf(options);
    this.id = frameworkIdOf(options);
    this.isResuming = this.id !== undefined;
    this.refuseSeconds = refuseSecondsOf(options.refuseSeconds);
    this.launchCountMax = Math.floor(burstBytesMax / (sizeOf(this.info) + idBytesMax));
    this.demand = new Demand(this.info.roles);
    this.offers = new OfferTable(this.environment.clock, (expired) => this.turn(() => this.offersExpired(expired)));
    this.inbox = new UpdateInbox({
      environment: this.environment,
      isNews: (status) => this.tasks.isNews(status),
      handle: (status) => this.handlers.update?.(status, this),
      handled: (status, wasTold) => this.turn(() => this.updateHandled(status, wasTold)),
      failed: (status, error) => this.turn(() => this.handlerFailed({ kind: 'handler-failed', handler: 'update', error, status })),
      lost: (status) => this.updateLost(status),
    });
    this.reconciler = new Reconciler({
      environment: this.environment,
      tasks: () => this.tasks.all(),
      find: (taskId) => this.tasks.get(taskId),
      ask: (tasks) => void this.call({ kind: 'reconcile', tasks }),
    });
    this.session = new LeaderSession({
      environment: this.environment,
      dialer: connection.dialer,
      addresses: connection.addresses,
      ...(connection.backoff === undefined ? {} : { backoff: connection.backoff }),
      log: this.sessionLog(),
      handlers: {
        connected: () => this.subscribe(),
        messages: (events) => this.turn(() => this.received(events)),
        disconnected: (end) => this.turn(() => this.disconnected(end)),
      },
    });
    for (const { taskId, agentId } of options.knownTasks ?? []) this.tasks.add(taskId, agentId);
  }

  /** Set from the first subscription on; to be stored by whoever wants to come back after a crash. */
  get frameworkId(): FrameworkId | undefined {
    return this.id;
  }

  get isSubscribed(): boolean {
    return this.state === 'subscribed';
  }

  /** Offers that may still be answered, oldest first. */
  get openOffers(): readonly Offer[] {
    return this.offers.all();
  }

  /** Tasks not over, as far as the user was told. */
  get liveTaskCount(): number {
    return this.tasks.size;
  }

  /** Connects and keeps at it. Once per driver; {@link whenEnded} tells how it ended. */
  start(): void {
    if (this.state !== 'new') return;
    this.state = 'connecting';
    this.refreshDemand();
    this.session.start();
  }

  /** {@link start} as a promise: resolves after `stop`, rejects with a {@link SchedulerError}. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.whenEnded(({ error }) => (error === undefined ? resolve() : reject(error)));
      this.start();
    });
  }

  /** Calls `listener` once, when the driver has ended; at once if it has. */
  whenEnded(listener: (end: SchedulerEnd) => void): void {
    if (this.end !== undefined) listener(this.end);
    else this.endListeners.push(listener);
  }

  /**
   * Ends the driver after the current turn. By default the framework is torn down with all its tasks, and the driver has ended when the
   * master confirmed it, or after 10 s without a master; with `{ failover: true }` its tasks run on until the failover timeout, for a successor with the same framework id.
   */
  stop(options: { readonly failover?: boolean } = {}): void {
    if (this.state === 'stopping' || this.state === 'ended') return;
    const isTearDown = options.failover !== true && this.id !== undefined;
    this.isLinked = this.state === 'subscribed';
    // Not at once: what the caller's turn still acknowledges goes first.
    this.cancelStop = this.environment.clock.schedule(0, () => {
      if (!isTearDown) {
        this.finish({});
        return;
      }
      this.cancelStop = this.environment.clock.schedule(stopTimeoutMs, () => this.finish({}));
      if (this.isLinked) this.send({ kind: 'teardown' });
    });
    this.state = 'stopping';
    this.inbox.pause();
    this.reconciler.disconnected();
  }

  /**
   * Launches as many of `drafts` as fit into the offer (or offers of one agent and role), first fit in the order given; what is left of the
   * offer is declined with it; also no more than one call can carry (7 MiB of tasks, 8 MiB of FrameworkInfos). Where nothing fits the offer stays open. Throws INPUT_REFUSED for
   * an id that a live task has, and for a draft of more than 1 MiB.
   */
  launch<Draft extends TaskDraft>(
    offers: Offer | readonly Offer[],
    drafts: readonly Draft[],
    options: { readonly where?: AgentPredicate; readonly countMax?: number; readonly refuseSeconds?: number } = {},
  ): LaunchOutcome<Draft> {
    const space = new OfferSpace(offers);
    const [first] = space.offers;
    const isWelcome = first !== undefined && (options.where === undefined || options.where.holds(first));
    const countMax = Math.min(options.countMax ?? Infinity, this.launchCountMax);
    const { placed, rest } = isWelcome ? packOneCall(space, drafts, countMax) : { placed: [], rest: drafts };
    if (first === undefined || placed.length === 0) return { outcome: { sent: false, reason: 'nothing-fits' }, launched: [], rest };
    const launched = placed.map(({ draft, placement }): Launched<Draft> => {
      const taskId = draft.taskId ?? this.makeTaskId(draft.name);
      const task: TaskInfo = { ...modelPart(draft), ...placement, taskId, agentId: first.agentId };
      return { taskId, task, draft };
    });
    const operations: OfferOperation[] = [{ kind: 'launch', tasks: launched.map(({ task }) => task) }];
    const outcome = this.accept(space.offers, operations, options.refuseSeconds === undefined ? {} : { refuseSeconds: options.refuseSeconds });
    return { outcome, launched, rest };
  }

  /**
   * ACCEPT as it is, for operations that {@link launch} does not make. All offers of one agent and role. Throws INPUT_REFUSED for an id that a live task has,
   * for a task of more than 1 MiB and for more than 7 MiB in all.
   */
  accept(
    offers: readonly (Offer | OfferId)[],
    operations: readonly OfferOperation[],
    options: { readonly refuseSeconds?: number } = {},
  ): CallOutcome {
    const refuseSeconds = options.refuseSeconds === undefined ? this.refuseSeconds : refuseSecondsOf(options.refuseSeconds);
    const tasks = operations.flatMap((operation) => (operation.kind === 'launch' || operation.kind === 'launch-group' ? operation.tasks : []));
    this.checkNewTasks(tasks);
    const offerIds = offers.map(idOf);
    return this.turn(() => {
      for (const task of tasks) this.tasks.launch(task.taskId, task.agentId);
      const isOpen = offerIds.length > 0 && offerIds.every((offerId) => this.offers.has(offerId));
      const outcome = !this.mayCall ? this.notSent() : isOpen ? undefined : ({ sent: false, reason: 'offer-gone' } as const);
      if (outcome !== undefined) {
        const why = outcome.reason === 'offer-gone' ? 'the offer is gone' : 'there is no session, so the offer is gone';
        for (const task of tasks) this.synthesize(task, 'TASK_DROPPED', 'REASON_INVALID_OFFERS', why);
        return outcome;
      }
      for (const offerId of offerIds) this.closeOffer(offerId);
      const sent = this.call({ kind: 'accept', offerIds, operations, filters: { refuseSeconds } });
      this.launchCalls.set(this.callNumber, { offerIds, tasks });
      return sent;
    });
  }

  /** Gives offers back. Ids that are no longer open are skipped; `offer-gone` when that is all of them. */
  decline(offers: readonly (Offer | OfferId)[], options: { readonly refuseSeconds?: number } = {}): CallOutcome {
    const refuseSeconds = options.refuseSeconds === undefined ? this.refuseSeconds : refuseSecondsOf(options.refuseSeconds);
    if (!this.mayCall) return this.notSent();
    const offerIds = offers.map(idOf).filter((offerId) => this.offers.has(offerId));
    if (offerIds.length === 0) return { sent: false, reason: 'offer-gone' };
    for (const offerId of offerIds) this.closeOffer(offerId);
    return this.call({ kind: 'decline', offerIds, filters: { refuseSeconds } });
  }

  /** Keeps offers open after the handler is over, until they are answered, rescinded or expired. Others wait meanwhile: hold briefly. */
  hold(...offers: readonly (Offer | OfferId)[]): void {
    for (const offer of offers) if (this.offers.has(idOf(offer))) this.held.add(idOf(offer));
  }

  /**
   * Asks for the end of a task, and again until it is over (S4), also when its agent is away and comes back with it. Of a task that nobody knows an update says so.
   * `task-ended`: the user was told of its end already. Throws INPUT_REFUSED for a grace period that is none.
   */
  kill(taskId: TaskId | string, options: { readonly gracePeriodMs?: number } = {}): CallOutcome {
    const id = checkedTaskId(taskId);
    checkDuration(options.gracePeriodMs, 'gracePeriodMs');
    const task = this.tasks.hasEnded(id) ? undefined : this.tasks.add(id, undefined);
    if (task === undefined) return { sent: false, reason: 'task-ended' };
    const policy: KillPolicy | undefined = options.gracePeriodMs === undefined ? undefined : { gracePeriodMs: options.gracePeriodMs };
    this.tasks.wantKilled(task, policy);
    return this.call(killCall(task));
  }

  /** Asks an executor to end with all its tasks. */
  shutdownExecutor(agentId: AgentId, executorId: ExecutorId): CallOutcome {
    return this.call({ kind: 'shutdown', agentId, executorId });
  }

  /** Bytes for an executor, at most once. Text is sent as UTF-8. Throws INPUT_REFUSED for more than 1 MiB. */
  message(agentId: AgentId, executorId: ExecutorId, data: string | Uint8Array): CallOutcome {
    return this.call({ kind: 'message', agentId, executorId, data: checkDataSize(bytesOf(data)) });
  }

  /** Asks about tasks, or about all; each answer comes as an update, also when it is no news. The driver asks by itself when it must. */
  reconcile(taskIds: readonly TaskId[] = []): CallOutcome {
    const asked: AskedTask[] = taskIds.map((taskId) => {
      const agentId = this.tasks.get(taskId)?.agentId;
      return { taskId, ...(agentId === undefined ? {} : { agentId }) };
    });
    for (const task of this.tasks.all()) if (taskIds.length === 0 || taskIds.includes(task.taskId)) task.told = undefined;
    for (let from = tasksPerQuestionMax; from < asked.length; from += tasksPerQuestionMax) this.call({ kind: 'reconcile', tasks: asked.slice(from, from + tasksPerQuestionMax) });
    return this.call({ kind: 'reconcile', tasks: asked.slice(0, tasksPerQuestionMax) });
  }

  /**
   * For which roles offers are wanted; true: all, false: none. Saying the same again says nothing. Remembered and stated anew in every
   * session, so it always succeeds.
   */
  setDemand(demand: boolean | readonly string[]): void {
    this.turn(() => this.changeDemand(demand));
  }

  /** Forgets what was declined, so that it may be offered again now: when something new to run would fit what was too small before. */
  revive(): CallOutcome {
    const roles = this.info.roles.filter((role) => this.demand.isWanted(role));
    return roles.length === 0 ? { sent: true } : this.call({ kind: 'revive', roles });
  }

  // From here on: what the session brings.

  /** While stopping, the master ending the session is what we asked for, and nobody needs to be warned. */
  private sessionLog(): Log {
    const write: Log['write'] = (level, message, fields) => this.log.write(this.state === 'stopping' ? 'debug' : level, message, fields);
    const log: Log = { write, child: () => log };
    return log;
  }

  private subscribe(): void {
    if (this.state !== 'stopping') this.state = 'subscribing';
    const info: FrameworkInfo = this.id === undefined ? this.info : { ...this.info, id: this.id };
    this.send({
      kind: 'subscribe',
      ...(this.id === undefined ? {} : { frameworkId: this.id }),
      frameworkInfo: info,
      suppressedRoles: this.demand.state(),
      offerConstraints: this.options.offerConstraints ?? new Map(),
    });
    this.cancelSubscribeTimeout = this.environment.clock.schedule(subscribeTimeoutMs, () =>
      this.session.restart(`SUBSCRIBE was not answered within ${subscribeTimeoutMs} ms`),
    );
  }

  private received(events: readonly SchedulerEvent[]): void {
    for (const event of events) {
      if (this.state === 'ended') return;
      this.receivedOne(event);
    }
  }

  private receivedOne(event: SchedulerEvent): void {
    if (event.kind === 'heartbeat') return; // Whoever keeps the link has heard it.
    if (event.kind === 'error') {
      this.masterError(event.message);
      return;
    }
    if (event.kind === 'subscribed') {
      this.subscribed(event);
      return;
    }
    if (this.state !== 'subscribed') {
      // Said while stopping, or before SUBSCRIBED by a master that does not keep to the protocol.
      this.log.write('debug', 'Event ignored outside of a subscription', { event: event.kind });
      return;
    }
    switch (event.kind) {
      case 'offers':
        this.offered(event.offers);
        return;
      case 'rescind':
        if (this.closeOffer(event.offerId)) this.tell('rescinded', () => this.handlers.rescinded?.(event.offerId, this));
        return;
      case 'update':
        this.reconciler.heard(event.status.taskId);
        this.killAgain(event.status);
        this.inbox.push(event.status);
        return;
      case 'operation-update': {
        const { operationId, state, message } = event.status;
        if (state === 'OPERATION_ERROR') this.log.write('warn', 'Operation not carried out', { operationId, detail: message });
        this.tell('operationUpdate', () => this.handlers.operationUpdate?.(event.status, this));
        return;
      }
      case 'message': {
        const { agentId, executorId, data } = event;
        this.tell('message', () => this.handlers.message?.({ agentId, executorId, data }, this));
        return;
      }
      case 'failure': {
        const { kind: _kind, ...failure } = event;
        this.tell('failure', () => this.handlers.failure?.(failure, this));
        return;
      }
      case 'refused':
        this.callRefused(event);
        return;
      default: {
        // A master of the future may know more; a driver does not die of it.
        const unknown: never = event;
        this.log.write('warn', 'Unknown event ignored', { event: (unknown as { kind?: unknown }).kind });
      }
    }
  }

  private subscribed(event: Extract<SchedulerEvent, { kind: 'subscribed' }>): void {
    this.cancelSubscribeTimeout?.();
    if (this.state === 'stopping') {
      // The stop was waiting for this moment. The master answers TEARDOWN by ending the session.
      this.id = event.frameworkId;
      this.isLinked = true;
      this.send({ kind: 'teardown' });
      return;
    }
    if (this.state !== 'subscribing') {
      this.log.write('warn', 'Repeated SUBSCRIBED ignored', { frameworkId: event.frameworkId });
      return;
    }
    if (this.id !== undefined && this.id !== event.frameworkId) {
      this.session.restart(`Subscribed as ${this.id}, but the master answered for ${event.frameworkId}`);
      return;
    }
    this.id = event.frameworkId;
    this.state = 'subscribed';
    this.session.established();
    this.log.write('info', 'Subscribed', { frameworkId: this.id, master: event.masterInfo.address });
    this.stateDemand();
    this.reconciler.subscribed(this.isResuming);
    this.isResuming = false;
    for (const task of this.tasks.toKill()) this.call(killCall(task));
    this.offerBarriers += 1;
    this.tell(
      'subscribed',
      () => this.handlers.subscribed?.(event.frameworkId, this, event.masterInfo),
      () => {
        this.offerBarriers -= 1;
      },
    );
  }

  private offered(offers: readonly Offer[]): void {
    const unwanted: OfferId[] = [];
    for (const offer of offers) {
      if (offer.frameworkId !== this.id) {
        this.log.write('warn', 'Offer to another framework ignored', { offerId: offer.id, frameworkId: offer.frameworkId });
      } else if (this.offers.has(offer.id)) {
        this.log.write('debug', 'Repeated offer ignored', { offerId: offer.id });
      } else if (!this.demand.isWanted(offer.role) || this.handlers.offers === undefined || !this.offers.add(offer)) {
        unwanted.push(offer.id);
      }
    }
    this.giveBack(unwanted);
  }

  /** Hands the user what is new, one batch at a time, until nothing is new or a handler takes its time. */
  private handOutOffers(): void {
    while (this.state === 'subscribed' && this.offerBarriers === 0) {
      const batch = this.offers.takeUnseen();
      if (batch.length === 0) return;
      this.offerBarriers += 1;
      this.tell(
        'offers',
        () => this.handlers.offers?.(batch, this),
        () => {
          this.offerBarriers -= 1;
          this.giveBack(batch.map((offer) => offer.id).filter((offerId) => this.offers.has(offerId) && !this.held.has(offerId)));
        },
      );
    }
  }

  private reviewOffers(): void {
    // Not while a handler is choosing: what it leaves is declined when it is over.
    if (!this.mustReviewOffers || this.offerBarriers > 0) return;
    this.mustReviewOffers = false;
    this.giveBack(this.offers.all().filter((offer) => !this.demand.isWanted(offer.role)).map((offer) => offer.id));
  }

  private offersExpired(expired: readonly Offer[]): void {
    for (const { id } of expired) {
      this.held.delete(id);
      this.log.write('debug', 'Offer expired unanswered', { offerId: id });
      this.tell('rescinded', () => this.handlers.rescinded?.(id, this));
    }
  }

  private callRefused({ number, callKind, refusal }: Extract<SchedulerEvent, { kind: 'refused' }>): void {
    const text = describeRefusedCall(callKind, refusal);
    this.log.write('warn', 'Call refused', { call: callKind, field: refusal.field, value: refusal.value, expected: refusal.expected });
    const launch = this.launchCalls.get(number);
    if (launch !== undefined) {
      this.launchCalls.delete(number);
      // A refused call changes nothing, so the master still counts the offers as ours.
      this.giveBack(launch.offerIds);
      for (const task of launch.tasks) if (this.tasks.get(task.taskId)?.told === undefined) this.synthesize(task, 'TASK_ERROR', 'REASON_TASK_INVALID', text);
    }
    this.tell('refused', () => this.handlers.refused?.({ callKind, refusal, text }, this));
  }

  private masterError(message: string): void {
    const code = schedulerErrorCode(message, this.state === 'subscribed');
    if (this.state === 'stopping') {
      // Refused or superseded: there is nothing left to tear down.
      this.finish({});
    } else if (code !== undefined) {
      this.log.write('error', 'Subscription ended by the master', { reason: message, code });
      this.finish({ error: new SchedulerError(code, message) });
    } else {
      this.trouble({ kind: 'session-ended', message });
      this.session.restart(message);
    }
  }

  private disconnected(end: LinkEnd): void {
    this.cancelSubscribeTimeout?.();
    const wasLinked = this.isLinked;
    this.isLinked = false;
    this.outbox = [];
    this.reconciler.disconnected();
    const lost = this.offers.all();
    this.offers.clear();
    this.held.clear();
    if (this.state === 'stopping') {
      // Ended in order: the teardown was carried out. Otherwise nobody knows, and the next session says it again.
      if (wasLinked && end.kind === 'closed') this.finish({});
      return;
    }
    const wasSubscribed = this.state === 'subscribed';
    this.state = 'disconnected';
    if (!wasSubscribed) return; // Of attempts that come to nothing the session's log tells.
    const reason = describeLinkEnd(end);
    for (const { id } of lost) this.tell('rescinded', () => this.handlers.rescinded?.(id, this));
    this.tell('disconnected', () => this.handlers.disconnected?.(reason, this));
  }

  // Updates.

  private updateHandled(status: TaskStatus, wasTold: boolean): void {
    if (wasTold) this.tasks.told(status);
    const { taskId, agentId, uuid } = status;
    // An update with a uuid comes from an agent and names it; without one there is nobody to acknowledge to.
    if (uuid !== undefined && agentId !== undefined) this.call({ kind: 'acknowledge', taskId, agentId, uuid });
    if (wasTold) this.refreshDemand();
  }

  /** S4. Before it is decided whether the user learns anything from the update: that the task is still running is no news to a user who has seen it run. */
  private killAgain({ taskId, agentId, state, uuid }: TaskStatus): void {
    const kill = this.tasks.wishToKill(taskId);
    if (kill === undefined || isTerminal(state) || state === 'TASK_UNREACHABLE' || state === 'TASK_UNKNOWN') return;
    // Its executor is at it. From the master the same says less: the newest grace period may not have come through.
    if (state === 'TASK_KILLING' && uuid !== undefined) return;
    this.call(killCall({ taskId, agentId: this.tasks.get(taskId)?.agentId ?? agentId, kill }));
  }

  private updateLost(status: TaskStatus): void {
    this.log.write('warn', 'Update dropped as too many wait for their handler', { taskId: status.taskId, state: status.state });
    // Agents repeat theirs; what the master says once has to be asked for.
    if (status.uuid === undefined) this.reconciler.unheard(status.taskId);
  }

  /** S3: tells the user soon, but never inside the user's own call. */
  private synthesize(task: TaskInfo, state: TaskState, reason: TaskReason, why: string): void {
    this.synthesized.push({
      taskId: task.taskId,
      agentId: task.agentId,
      state,
      source: 'SOURCE_MASTER',
      reason,
      message: `Synthesized by the driver: ${why}`,
      timestampMs: this.environment.clock.wallMs(),
      labels: [],
    });
    this.cancelSynthesis ??= this.environment.clock.schedule(0, () =>
      this.turn(() => {
        this.cancelSynthesis = undefined;
        const statuses = this.synthesized;
        this.synthesized = [];
        for (const status of statuses) {
          this.reconciler.heard(status.taskId);
          this.inbox.push(status);
        }
      }),
    );
  }

  private checkNewTasks(tasks: readonly TaskInfo[]): void {
    const seen = new Set<TaskId>();
    let bytes = 0;
    for (const [i, task] of tasks.entries()) {
      const { taskId } = task;
      // By an id that is none no master could answer (S3).
      const checked = checkTaskId(taskId, `tasks[${i}].taskId`);
      if (!checked.ok) throw inputError(checked.refusal);
      bytes += checkMessageSize(task, `tasks[${i}]`, taskInfoBytesMax);
      if (seen.has(taskId) || this.tasks.get(taskId) !== undefined) {
        throw inputError(refused(`tasks[${i}].taskId`, taskId, 'an id that no live task of this framework has').refusal);
      }
      seen.add(taskId);
    }
    if (this.tasks.size + tasks.length > taskCountMax) {
      throw inputError(refused('tasks', this.tasks.size, `at most ${taskCountMax} live tasks`).refusal);
    }
    if (bytes > acceptBytesMax) throw inputError(refused('tasks', `${bytes} bytes`, `at most ${acceptBytesMax} bytes in one call`).refusal);
  }

  /** At most 255 characters and no slash, whatever the name is. */
  private makeTaskId(name: string): TaskId {
    const stem = name.replace(/[^\w.-]/g, '_').slice(0, 200);
    return checkedTaskId(`${stem}.${this.environment.ids.uuid()}`);
  }

  // Demand.

  private refreshDemand(): void {
    const { demand } = this.options;
    if (demand === undefined || this.state === 'ended' || this.state === 'stopping') return;
    callHandler(demand, (end) => {
      if (end.ok) this.changeDemand(end.value);
      else this.handlerFailed({ kind: 'handler-failed', handler: 'demand', error: end.error });
    });
  }

  private changeDemand(demand: boolean | readonly string[]): void {
    if (!this.demand.set(demand)) return;
    this.mustReviewOffers = true;
    this.stateDemand();
  }

  private stateDemand(): void {
    if (!this.mayCall) return;
    for (const call of this.demand.correct()) this.call(call);
  }

  private closeOffer(offerId: OfferId): boolean {
    this.held.delete(offerId);
    return this.offers.take(offerId) !== undefined;
  }

  /** Declines what the user did not ask to keep; also what never entered the table. */
  private giveBack(offerIds: readonly OfferId[]): void {
    if (offerIds.length === 0 || !this.mayCall) return;
    for (const offerId of offerIds) this.closeOffer(offerId);
    this.call({ kind: 'decline', offerIds, filters: { refuseSeconds: this.refuseSeconds } });
  }

  // Handlers.

  /** Runs a handler; `after` when it is over, well or badly, unless the driver is. */
  private tell(handler: keyof SchedulerHandlers, run: () => MaybePromise<void>, after: () => void = () => undefined): void {
    if (this.state === 'stopping' || this.state === 'ended') return;
    callHandler(run, (end) =>
      this.turn(() => {
        if (this.state === 'ended') return;
        if (!end.ok) this.handlerFailed({ kind: 'handler-failed', handler, error: end.error });
        after();
        this.refreshDemand();
      }),
    );
  }

  private handlerFailed(trouble: Extract<DriverTrouble, { kind: 'handler-failed' }>): void {
    this.log.write('error', 'Handler failed', { handler: trouble.handler, reason: describeError(trouble.error), taskId: trouble.status?.taskId });
    this.report(trouble);
  }

  private trouble(trouble: Extract<DriverTrouble, { kind: 'session-ended' }>): void {
    this.log.write('warn', 'Session ended by the master', { reason: trouble.message });
    this.report(trouble);
  }

  private report(trouble: DriverTrouble): void {
    callHandler(
      () => this.handlers.error?.(trouble, this),
      (end) => {
        // The last resort failed too; the log is all that is left.
        if (!end.ok) this.log.write('error', 'Error handler failed', { reason: describeError(end.error) });
      },
    );
  }

  // Calls.

  private get mayCall(): boolean {
    return this.state === 'subscribed' || (this.state === 'stopping' && this.isLinked);
  }

  private notSent(): Extract<CallOutcome, { sent: false }> {
    return { sent: false, reason: this.state === 'stopping' || this.state === 'ended' ? 'stopped' : 'not-subscribed' };
  }

  private call(call: SchedulerCall): CallOutcome {
    if (!this.mayCall) return this.notSent();
    this.send(call);
    return { sent: true };
  }

  private send(call: SchedulerCall): void {
    this.callNumber += 1;
    const isFirst = call.kind === 'subscribe';
    this.outbox.push({ number: this.callNumber, ...(isFirst || this.id === undefined ? {} : { frameworkId: this.id }), call });
    if (this.turnDepth === 0) this.flush();
  }

  private flush(): void {
    if (this.outbox.length === 0) return;
    const batch = this.outbox;
    this.outbox = [];
    // When the link has just ended nothing is lost: tasks are asked about, kills and demand restated, updates repeated (S2 to S5).
    this.session.send(batch);
  }

  /** S7. What waited for the end of the turn (offers that came, demand that went) is done before its batch leaves. */
  private turn<T>(work: () => T): T {
    this.turnDepth += 1;
    try {
      const result = work();
      if (this.turnDepth === 1) {
        this.reviewOffers();
        this.handOutOffers();
      }
      return result;
    } finally {
      this.turnDepth -= 1;
      if (this.turnDepth === 0) this.flush();
    }
  }

  private finish(end: SchedulerEnd): void {
    if (this.state === 'ended') return;
    this.flush();
    this.state = 'ended';
    this.cancelStop?.();
    this.cancelSubscribeTimeout?.();
    this.cancelSynthesis?.();
    this.reconciler.disconnected();
    this.inbox.close();
    this.offers.clear();
    this.session.close();
    this.end = end;
    for (const listener of this.endListeners.splice(0)) listener(end);
  }
}

function idOf(offer: Offer | OfferId): OfferId {
  return typeof offer === 'string' ? offer : offer.id;
}

function killCall({ taskId, agentId, kill }: { readonly taskId: TaskId; readonly agentId: AgentId | undefined; readonly kill: KillWish | undefined }): SchedulerCall {
  const policy = kill?.policy;
  return { kind: 'kill', taskId, ...(agentId === undefined ? {} : { agentId }), ...(policy === undefined ? {} : { killPolicy: policy }) };
}

function checkedTaskId(text: string): TaskId {
  const checked = checkTaskId(text);
  if (!checked.ok) throw inputError(checked.refusal);
  return checked.value;
}

/** {@link pack}, but no more than one ACCEPT can carry. */
function packOneCall<Draft extends TaskDraft>(space: OfferSpace, drafts: readonly Draft[], countMax: number): Packed<Draft> {
  const packed = pack(space, drafts, countMax);
  let bytes = 0;
  const count = packed.placed.findIndex(({ draft, placement }) => (bytes += sizeOf({ ...modelPart(draft), ...placement }) + identityBytesMax) > acceptBytesMax);
  // One alone is tried whatever it is: if it is too large its author has to hear so.
  return count <= 0 ? packed : pack(new OfferSpace(space.offers), drafts, count);
}

/** The draft without what its author attached to it, which is not the master's business. */
function modelPart(draft: TaskDraft): Omit<TaskDraft, 'taskId'> {
  const { name, resources, limits, command, executor, data, container, healthCheck, check, killPolicy, discovery, maxCompletionTimeMs, labels } = draft;
  return {
    name,
    resources,
    limits,
    ...(command === undefined ? {} : { command }),
    ...(executor === undefined ? {} : { executor }),
    ...(data === undefined ? {} : { data }),
    ...(container === undefined ? {} : { container }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
    ...(check === undefined ? {} : { check }),
    ...(killPolicy === undefined ? {} : { killPolicy }),
    ...(discovery === undefined ? {} : { discovery }),
    ...(maxCompletionTimeMs === undefined ? {} : { maxCompletionTimeMs }),
    labels,
  };
}
