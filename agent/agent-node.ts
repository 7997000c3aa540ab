// Agent node: carries out what the agent's core decides.
//
// Owns:      feeding inputs to the core one at a time, the order in which effects leave, the one clock timer, compaction of the journal, and the
//            numbers of executor sessions.
// Elsewhere: decisions (core/), output commit (common/effect-outbox.ts), the link to the master (common/leader-session.ts), containers and journal
//            (containerizer.ts, checkpoint-store.ts), building it all (main.ts).
// Invariants:
//   H1. Nothing leaves before the records it rests on are durable; if they cannot be made so, nothing leaves at all and the agent ends: its
//       successor recovers from what is durable.
//   H2. Inputs reach the core in the order of their arrival, one at a time, never within another's step.
//   H3. After `onExit` nothing is sent, started, scheduled or heard any more. `onExit` is called once.
//   H4. What was decided while one master session lived is never said on another: it may have waited for the disk meanwhile.
//   H5. No snapshot is asked for while a commit is outstanding, and nothing is committed while a snapshot is (checkpoint-store.ts).
// Source: DESIGN, "decisions do no I/O"; ports only, so that the node also runs in the simulation.

import { EffectOutbox, type OutboxEffect } from '../common/effect-outbox';
import { assertNever, invariant } from '../common/invariant';
import { describeLinkEnd, LeaderSession, type AddressSource } from '../common/leader-session';
import type { AgentMessage, MasterMessage } from '../common/model/agent-protocol';
import type { ExecutorEvent, ReceivedExecutorCall } from '../common/model/executor-protocol';
import type { ContainerId } from '../common/model/ids';
import type { Accept, Cancel, Dialer, Environment, Link, Log } from '../common/ports';
import type { CheckpointStore } from './checkpoint-store';
import type { Containerizer } from './containerizer';
import { createAgentCore } from './core/agent';
import type { AgentConfig, AgentCore, AgentEffect, AgentInput, CheckpointRecord } from './core/agent-step';

export interface AgentExit {
  readonly reason: string;
  /** Whether the process should end with a non-zero status. */
  readonly isFailure: boolean;
}

/** For /health: whether the master has this agent in its books, and what stands in the way if not. */
export interface AgentHealth {
  readonly isRegistered: boolean;
  /** `host:port` of the master that we talk to. */
  readonly master?: string;
  readonly waitingFor?: string;
}

export interface AgentNodeOptions {
  readonly config: AgentConfig;
  readonly environment: Environment;
  readonly dialer: Dialer<AgentMessage, MasterMessage>;
  readonly addresses: AddressSource;
  readonly containerizer: Containerizer;
  readonly checkpoint: CheckpointStore;
  /** What the journal held at start. */
  readonly records: readonly CheckpointRecord[];
  readonly log: Log;
  /** Sees every effect when it is decided: for metrics. */
  readonly observe?: (effect: AgentEffect) => void;
  /** The agent is done (H3). Not called within a call to the node. */
  readonly onExit: (exit: AgentExit) => void;
}

/**
 * Inputs that may wait while the outbox is full, which takes a disk that has not synced for a hundred thousand effects. Then the agent ends, as it
 * would for a disk that fails: its executors go on, and its successor tells the master what became of them. Ours.
 */
export const waitingInputCountMax = 10_000;

type CheckpointEffect = Extract<AgentEffect, { kind: 'checkpoint' }>;
type OtherEffect = Exclude<AgentEffect, CheckpointEffect>;

/** An effect and the master session during which it was decided (H4). */
interface Deed {
  readonly effect: OtherEffect;
  readonly masterSession: number;
}

type Done = (outcome: { readonly ok: true } | { readonly ok: false; readonly detail: string }) => void;

export class AgentNode {
  private readonly environment: Environment;
  private readonly log: Log;
  private readonly core: AgentCore;
  private readonly outbox: EffectOutbox<readonly CheckpointRecord[], Deed>;
  private readonly master: LeaderSession<AgentMessage, MasterMessage>;
  private readonly executorLinks = new Map<number, Link<ExecutorEvent>>();
  private sessionsOpened = 0;
  /** Sessions with masters, counted twice: by the links made, and by those that the core has heard of (H4). */
  private linkMasterSession = 0;
  private coreMasterSession = 0;
  private inputs: AgentInput[] = [];
  private phase: 'new' | 'running' | 'over' = 'new';
  private isPumping = false;
  /** A snapshot is being written; the commit that came meanwhile waits in it (at most one does, E3 of the outbox). */
  private compaction: { held?: () => void } | undefined;
  private timer: { readonly atMs: number; readonly cancel: Cancel } | undefined;
  private isRegistered = false;
  /** Why there is no registration; undefined once there is one. */
  private waitingFor: string | undefined = 'the first connection to a master';

  constructor(private readonly options: AgentNodeOptions) {
    const { environment, config, records, log } = options;
    this.environment = environment;
    this.log = log;
    this.core = createAgentCore(config, records, environment, environment.clock.nowMs());
    this.outbox = new EffectOutbox({
      commit: (batch, done) => this.commit(batch.flat(), done),
      perform: (deed) => this.perform(deed),
      failed: (detail) => this.fail(`Cannot write the checkpoint journal: ${detail}`),
    });
    this.master = new LeaderSession<AgentMessage, MasterMessage>({
      environment,
      dialer: options.dialer,
      addresses: options.addresses,
      log,
      handlers: {
        connected: (address) => {
          this.linkMasterSession += 1;
          this.waitingFor = `the answer of the master at ${address}`;
          this.feed({ kind: 'master-connected', address });
        },
        messages: (messages) => this.feed({ kind: 'master-messages', messages }),
        disconnected: (end) => {
          this.isRegistered = false;
          this.waitingFor = `a master: ${describeLinkEnd(end)}`;
          this.feed({ kind: 'master-disconnected', end });
        },
      },
    });
  }

  /** Recovers, and looks for the master. Once. Before it, no executor is accepted. */
  start(): void {
    invariant(this.phase === 'new', 'An agent node starts once');
    this.phase = 'running';
    this.put(this.core.start(this.now()));
    this.master.start();
    this.pump();
  }

  /** Asks for the end; `onExit` follows. A second call with `keep-tasks` does not wait for tasks to end. */
  stop(mode: 'keep-tasks' | 'end-tasks'): void {
    if (this.phase === 'new') this.exit({ reason: 'Stopped before it was started', isFailure: false });
    else this.feed({ kind: 'stop', mode });
  }

  /** Takes an executor's connection. */
  readonly acceptExecutor: Accept<ExecutorEvent, ReceivedExecutorCall> = (link) => {
    if (this.phase !== 'running') {
      link.close();
      return { messages: () => undefined, closed: () => undefined };
    }
    this.sessionsOpened += 1;
    const session = this.sessionsOpened;
    this.executorLinks.set(session, link);
    this.feed({ kind: 'executor-opened', session });
    return {
      messages: (calls) => this.feed({ kind: 'executor-calls', session, calls }),
      closed: (end) => {
        if (this.executorLinks.delete(session)) this.feed({ kind: 'executor-closed', session, end });
      },
    };
  };

  private feed(input: AgentInput): void {
    if (this.phase !== 'running') return;
    this.inputs.push(input);
    this.pump();
  }

  /** Steps through the waiting inputs (H2), as far as the outbox takes what comes of them. */
  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    let next = 0;
    while (this.phase === 'running' && next < this.inputs.length && !this.outbox.isFull) {
      const input = this.inputs[next];
      invariant(input, 'a waiting input exists');
      next += 1;
      if (input.kind === 'master-connected') this.coreMasterSession += 1;
      this.put(this.core.step(input, this.now()));
    }
    this.inputs = this.inputs.slice(next);
    this.isPumping = false;
    if (this.phase !== 'running') return;
    if (this.inputs.length > waitingInputCountMax) {
      this.fail(`Cannot write the checkpoint journal fast enough: ${this.inputs.length} inputs wait`);
      return;
    }
    this.compactIfWorth();
    this.schedule();
  }

  get health(): AgentHealth {
    const { address } = this.master;
    return {
      isRegistered: this.isRegistered,
      ...(address === undefined ? {} : { master: address }),
      ...(this.waitingFor === undefined ? {} : { waitingFor: this.waitingFor }),
    };
  }

  /** The present state as records: for gauges. Costs what the agent has. */
  get state(): readonly CheckpointRecord[] {
    return this.core.snapshot();
  }

  private put(effects: readonly AgentEffect[]): void {
    if (this.options.observe !== undefined) for (const effect of effects) this.options.observe(effect);
    this.outbox.put(
      effects.map((effect): OutboxEffect<readonly CheckpointRecord[], Deed> =>
        effect.kind === 'checkpoint' ? { durable: true, value: effect.records } : { durable: false, value: { effect, masterSession: this.coreMasterSession } },
      ),
    );
  }

  private commit(records: readonly CheckpointRecord[], done: Done): void {
    const append = (): void =>
      this.options.checkpoint.append(records, (outcome) => {
        if (this.phase === 'over') return;
        done(outcome);
        this.pump();
      });
    if (this.compaction === undefined) append();
    else this.compaction.held = append;
  }

  /** Rewrites the journal when that would pay and nothing of it is under way (H5). */
  private compactIfWorth(): void {
    const { checkpoint } = this.options;
    if (this.compaction !== undefined || !this.outbox.isDrained || !checkpoint.wantsSnapshot) return;
    const compaction: { held?: () => void } = {};
    this.compaction = compaction;
    checkpoint.snapshot(this.core.snapshot(), (outcome) => {
      if (this.phase === 'over') return;
      this.compaction = undefined;
      if (!outcome.ok) this.fail(`Cannot rewrite the checkpoint journal: ${outcome.detail}`);
      else compaction.held?.();
    });
  }

  /** One timer, for the core's earliest deadline. */
  private schedule(): void {
    const atMs = this.core.nextDeadlineMs();
    if (this.timer?.atMs === atMs) return;
    this.timer?.cancel();
    this.timer = undefined;
    if (atMs === Infinity) return;
    const cancel = this.environment.clock.schedule(Math.max(0, atMs - this.environment.clock.nowMs()), () => {
      this.timer = undefined;
      this.feed({ kind: 'time-advanced' });
    });
    this.timer = { atMs, cancel };
  }

  private perform({ effect, masterSession }: Deed): void {
    const { containerizer } = this.options;
    const isForThisMaster = masterSession === this.linkMasterSession;
    switch (effect.kind) {
      case 'send-master':
        if (isForThisMaster) this.master.send(effect.messages); // Without a link it is lost: what matters is said again after registration.
        return;
      case 'master-established':
        if (!isForThisMaster) return;
        this.master.established();
        this.isRegistered = true;
        this.waitingFor = undefined;
        return;
      case 'restart-master-session':
        if (isForThisMaster) this.master.restart(effect.reason);
        return;
      case 'send-executor':
        this.executorLinks.get(effect.session)?.send(effect.events);
        return;
      case 'close-executor':
        this.executorLinks.get(effect.session)?.close();
        this.executorLinks.delete(effect.session);
        return;
      case 'launch-container': {
        const { containerId } = effect.spec;
        containerizer.launch(effect.spec, {
          started: (pid, startedAt) => this.feed({ kind: 'container-started', containerId, pid, startedAt }),
          failed: (message) => this.feed({ kind: 'container-failed', containerId, message }),
          ended: this.whenEnded(containerId),
        });
        return;
      }
      case 'reattach-container':
        containerizer.reattach(effect.containerId, effect.pid, effect.startedAt, {
          found: (ageMs) => this.feed({ kind: 'container-found', containerId: effect.containerId, ageMs }),
          ended: this.whenEnded(effect.containerId),
        });
        return;
      case 'signal-container':
        containerizer.signal(effect.containerId, effect.signal);
        return;
      case 'destroy-container':
        containerizer.destroy(effect.containerId);
        return;
      case 'remove-sandbox':
        containerizer.removeSandbox(effect.containerId);
        return;
      case 'read-sandbox':
        containerizer.readSandbox(effect.containerId, effect.stream, effect.offset, effect.lengthMax, (outcome) =>
          this.feed({ kind: 'sandbox-read', request: effect.request, outcome }),
        );
        return;
      case 'exit':
        this.exit(effect);
        return;
      case 'log':
        this.log.write(effect.level, effect.message, effect.fields);
        return;
      default:
        assertNever(effect);
    }
  }

  private whenEnded(containerId: ContainerId) {
    return (exit: Extract<AgentInput, { kind: 'container-ended' }>['exit']): void => this.feed({ kind: 'container-ended', containerId, exit });
  }

  private fail(reason: string): void {
    this.log.write('error', 'Agent cannot go on', { reason });
    this.exit({ reason, isFailure: true });
  }

  private exit({ reason, isFailure }: AgentExit): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.inputs = [];
    this.outbox.stop();
    this.timer?.cancel();
    this.timer = undefined;
    this.master.close();
    for (const link of this.executorLinks.values()) link.close();
    this.executorLinks.clear();
    this.options.containerizer.close();
    this.environment.clock.schedule(0, () => this.options.onExit({ reason, isFailure }));
  }

  private now(): { readonly nowMs: number; readonly wallMs: number } {
    const { clock } = this.environment;
    return { nowMs: clock.nowMs(), wallMs: clock.wallMs() };
  }
}
