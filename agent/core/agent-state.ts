// Agent state: what the agent knows right now.
//
// Owns:      the books of frameworks, executors, tasks and sessions, and the shape of their entries.
// Elsewhere: who changes them: launch.ts, kill.ts, executor-sessions.ts, executor-termination.ts, master-session.ts; update streams
//            (status-update-manager.ts); sandboxes of ended executors (sandboxes.ts); rebuilding all of it (recovery.ts).
// Invariants:
//   B1. `containers` holds exactly the executors whose container may still run; each is also in its framework's `executors`.
//   B2. A task is in its framework's `tasks` from its launch until its terminal update is acknowledged, and in its executor's `tasks`
//       until it ends: memory does not grow with tasks that are over.
//   B3. An executor's `session` and that session's `executor` point to each other; a session without one is a stranger, and of these there are few.
//   B4. A framework stays while it has an executor, a task or an update under way, and no longer.
// Source: Mesos agent (reference, agent sections 15 and 16). What Mesos keeps as TERMINATED executors lives on in tasks and streams alone.

import { Deadlines } from '../../common/deadlines';
import type { AgentMessage } from '../../common/model/agent-protocol';
import type { ExecutorInfo, KillPolicy, TaskInfo } from '../../common/model/task';
import type { FrameworkInfo } from '../../common/model/framework';
import type { AgentId, ContainerId, ExecutorId, FrameworkId, TaskId } from '../../common/model/ids';
import type { TaskReason, TaskState } from '../../common/model/task-status';
import type { Environment } from '../../common/ports';
import type { AgentConfig } from './agent-step';
import { Sandboxes, type EndedExecutor } from './sandboxes';
import { StatusUpdateManager, type UpdateStream } from './status-update-manager';
import { Turn } from './turn';

export interface Framework {
  readonly id: FrameworkId;
  info: FrameworkInfo;
  /** Shut down by the master: its executors are being ended, and nobody wants to hear of its tasks any more. */
  isTerminating: boolean;
  readonly executors: Map<ExecutorId, Executor>;
  readonly tasks: Map<TaskId, Task>;
}

export interface Task {
  readonly info: TaskInfo;
  readonly executorId: ExecutorId;
  readonly containerId: ContainerId;
  /** Newest state reported. */
  state: TaskState;
  /** `queued`: the executor has not been told of it. `ended`: terminal, its last update not yet acknowledged. */
  place: 'queued' | 'launched' | 'ended';
  /** A kill was asked of the executor; repeated when it subscribes again, because the first may have been lost with the connection. */
  kill?: { readonly policy?: KillPolicy };
}

/** Why a container is being brought to its end, which decides what is said of its tasks. */
export type EndCause =
  /** SHUTDOWN was sent, or the framework is gone. */
  | { readonly kind: 'shutdown' }
  /** A command task was killed, first at `sinceMs`, with `graceMs` until the forcible end. */
  | { readonly kind: 'killed'; readonly sinceMs: number; readonly graceMs: number; readonly hadStarted: boolean }
  /** The agent itself gave up on it. */
  | { readonly kind: 'verdict'; readonly state: TaskState; readonly reason: TaskReason; readonly message: string };

export type ExecutorLife =
  /** Container on its way, or executor not subscribed; `returning`: it is from an earlier life of the agent. */
  | { readonly phase: 'registering'; readonly returning: boolean }
  /** Subscribed at least once; a command: its process was started. The connection may be down. */
  | { readonly phase: 'running' }
  | { readonly phase: 'terminating'; readonly cause: EndCause };

export interface Executor {
  readonly framework: Framework;
  readonly info: ExecutorInfo;
  readonly containerId: ContainerId;
  readonly token: string;
  readonly isCommand: boolean;
  life: ExecutorLife;
  /** Known once the container runs. */
  started?: { readonly pid: number; readonly startedAt: string };
  session?: ExecutorSession;
  /** Queued and launched tasks, in order of launch. */
  readonly tasks: Map<TaskId, Task>;
  /** Whether it was ever told of a task; one that never was and has none waiting is shut down. */
  hadTask: boolean;
  /** Tasks that ended and were acknowledged lately: their late updates are acknowledged and dropped instead of refused. */
  readonly forgotten: Set<TaskId>;
  /** Keys of its deadlines. */
  readonly endDeadline: AgentDeadline;
  readonly completionDeadline: AgentDeadline;
}

export interface ExecutorSession {
  readonly kind: 'session';
  readonly id: number;
  executor?: Executor;
}

/** Keys of the agent's deadlines. */
export type AgentDeadline =
  /** The master must have answered our registration by then. */
  | { readonly kind: 'registration' }
  /** Executor not subscribed, command not started, or either not gone after SHUTDOWN or a kill. */
  | { readonly kind: 'executor-end'; readonly containerId: ContainerId }
  /** `max_completion_time` of a command task. */
  | { readonly kind: 'completion'; readonly containerId: ContainerId }
  /** The agent waits no longer for acknowledgements before it goes. */
  | { readonly kind: 'exit' }
  | ExecutorSession
  | UpdateStream
  | EndedExecutor;

/** Why the agent is ending itself. */
export interface AgentEnd {
  readonly reason: string;
  /** `end-tasks`: say goodbye to the master, after the last updates. Not when the master itself sent us away. */
  readonly unregister: boolean;
  /** Acknowledgements still missing are waited for no longer. */
  isPatienceOver: boolean;
}

/** How many ended and acknowledged tasks an executor's late updates may still be about. Ours: more than an executor runs at a time, usually. */
export const forgottenTaskCountMax = 256;

export class AgentState {
  nowMs: number;
  wallMs = 0;
  agentId: AgentId | undefined;
  /** `registering`: connected, our registration not yet answered. */
  link: 'none' | 'registering' | 'registered' = 'none';
  end: AgentEnd | undefined;
  hasExited = false;
  /** What of our report the master has not yet asked for, while registering; the last is the registration itself. */
  reportToCome: AgentMessage[] = [];
  /** Custom executors that were in a registration and ended before it was answered: at most as many as there were containers. */
  untoldExits: Extract<AgentMessage, { kind: 'exited-executor' }>[] = [];
  readonly frameworks = new Map<FrameworkId, Framework>();
  readonly containers = new Map<ContainerId, Executor>();
  readonly sessions = new Map<number, ExecutorSession>();
  /** Those of them that have not subscribed, oldest first. */
  readonly strangers = new Set<ExecutorSession>();
  readonly deadlines = new Deadlines<AgentDeadline>();
  readonly registrationDeadline: AgentDeadline = { kind: 'registration' };
  readonly exitDeadline: AgentDeadline = { kind: 'exit' };
  readonly turn = new Turn();
  readonly sandboxes: Sandboxes;
  readonly updates: StatusUpdateManager;

  constructor(
    readonly config: AgentConfig,
    readonly environment: Pick<Environment, 'random' | 'ids'>,
    nowMs: number,
  ) {
    this.nowMs = nowMs;
    this.sandboxes = new Sandboxes(config);
    this.updates = new StatusUpdateManager(config, {
      forward: (frameworkId, status, latestState) => this.turn.toMaster({ kind: 'status-update', frameworkId, status, latestState }),
      setDeadline: (stream, delayMs) => this.deadlines.set(stream, this.nowMs + delayMs),
      clearDeadline: (stream) => this.deadlines.clear(stream),
    });
  }

  findExecutor(frameworkId: FrameworkId, executorId: ExecutorId): Executor | undefined {
    return this.frameworks.get(frameworkId)?.executors.get(executorId);
  }

  /** Makes the books' entry of an executor; its container is the caller's business. */
  addExecutor(entry: Pick<Executor, 'framework' | 'info' | 'containerId' | 'token' | 'isCommand' | 'life' | 'hadTask'>): Executor {
    const { containerId } = entry;
    const executor: Executor = {
      ...entry,
      tasks: new Map(),
      forgotten: new Set(),
      endDeadline: { kind: 'executor-end', containerId },
      completionDeadline: { kind: 'completion', containerId },
    };
    this.containers.set(containerId, executor);
    executor.framework.executors.set(executor.info.executorId, executor);
    return executor;
  }

  addFramework(info: FrameworkInfo, id: FrameworkId): Framework {
    const framework: Framework = { id, info, isTerminating: false, executors: new Map(), tasks: new Map() };
    this.frameworks.set(id, framework);
    return framework;
  }

  /** Forgets the framework if nothing of it is left (B4). */
  releaseFramework(framework: Framework): void {
    if (framework.executors.size > 0 || framework.tasks.size > 0 || this.updates.hasFramework(framework.id)) return;
    if (this.frameworks.get(framework.id) !== framework) return;
    this.frameworks.delete(framework.id);
    // For a framework that the master shut down, this record was written then.
    if (!framework.isTerminating) this.turn.checkpoint({ kind: 'framework-removed', frameworkId: framework.id });
  }

  /** Ends the agent's part of a session; the core hears no more of it. */
  closeSession(session: ExecutorSession): void {
    this.dropSession(session);
    this.turn.do({ kind: 'close-executor', session: session.id });
  }

  /** The session is over. */
  dropSession(session: ExecutorSession): void {
    this.sessions.delete(session.id);
    this.strangers.delete(session);
    this.deadlines.clear(session);
    if (session.executor?.session === session) delete session.executor.session;
    delete session.executor;
  }
}

/** 32 hexadecimal digits, as update uuids are written in the domain model. */
export function updateUuid(agent: AgentState): string {
  return agent.environment.ids.uuid().replaceAll('-', '');
}
