// Reconciler: asking the master about tasks until each was answered.
//
// Owns:      when to ask, about which tasks, and which answers are outstanding.
// Elsewhere: the tasks themselves (task-table.ts), sending the question (scheduler-driver.ts), what an answer means (update-inbox.ts).
// Invariants:
//   Q1. After each subscription every live task is asked about, again and again with growing pauses, until something was heard of it.
//       A master says nothing of a task whose agent has not come back to it yet, so one question is not enough.
//   Q2. Once in a long while everything is asked: first all that the master knows (implicit), then what it did not speak of (Q1).
//   Q3. Nothing is asked without a subscription.
// Source: Mesos docs/reconciliation.md: explicit with truncated exponential backoff after (re)subscription, implicit periodically.

import { backoffDelayMs, type Backoff } from '../../common/backoff';
import type { AgentId, TaskId } from '../../common/model/ids';
import type { Cancel, Environment } from '../../common/ports';

/**
 * Pauses between questions: 1 to 2 s at first, for agents return to a new leader within seconds; up to a minute, for an agent that is away
 * may take the ten minutes after which the master gives it up. Less: more questions that cannot be answered yet.
 */
export const reconcileBackoff: Backoff = { initialMs: 2_000, factor: 2, maxMs: 60_000 };

/** Between full rounds (Q2), give or take a quarter so that frameworks do not ask together. Nothing but a bug is found by them. Our choice. */
export const reconcileRoundMs = 15 * 60_000;

/** Tasks per question: some 100 kB on the wire, far from the frame limit. */
export const tasksPerQuestionMax = 1_000;

export interface AskedTask {
  readonly taskId: TaskId;
  readonly agentId?: AgentId;
}

export interface ReconcilerOptions {
  readonly environment: Environment;
  /** The live tasks now. */
  readonly tasks: () => Iterable<{ readonly taskId: TaskId; readonly agentId: AgentId | undefined }>;
  /** What is known of one of them now; undefined once it is over. */
  readonly find: (taskId: TaskId) => { readonly agentId: AgentId | undefined } | undefined;
  /** Sends one question; no tasks: about all. */
  readonly ask: (tasks: readonly AskedTask[]) => void;
}

export class Reconciler {
  private readonly unanswered = new Set<TaskId>();
  private attempt = 0;
  private cancelRetry: Cancel | undefined;
  private cancelRound: Cancel | undefined;

  constructor(private readonly options: ReconcilerOptions) {}

  /** Tasks of which nothing was heard since they were asked about. */
  get unansweredCount(): number {
    return this.unanswered.size;
  }

  /** The session stands. `alsoUnknown`: ask for all that the master knows, because an earlier process may have launched tasks. */
  subscribed(alsoUnknown: boolean): void {
    this.disconnected();
    if (alsoUnknown) this.options.ask([]);
    this.begin();
    this.askUnanswered();
    this.armRound();
  }

  disconnected(): void {
    this.cancelRetry?.();
    this.cancelRound?.();
    this.cancelRetry = undefined;
    this.cancelRound = undefined;
    this.unanswered.clear();
  }

  /** Something was said about the task, whatever it was. */
  heard(taskId: TaskId): void {
    if (!this.unanswered.delete(taskId) || this.unanswered.size > 0) return;
    this.cancelRetry?.();
    this.cancelRetry = undefined;
  }

  /** What was said about the task could not be kept: ask again. */
  unheard(taskId: TaskId): void {
    if (this.cancelRound === undefined) return; // Without a session; the next one asks anyway.
    this.unanswered.add(taskId);
    if (this.cancelRetry === undefined) this.retryLater();
  }

  private begin(): void {
    for (const { taskId } of this.options.tasks()) this.unanswered.add(taskId);
    this.attempt = 0;
  }

  private askUnanswered(): void {
    let question: AskedTask[] = [];
    for (const taskId of this.unanswered) {
      const task = this.options.find(taskId);
      if (task === undefined) {
        this.unanswered.delete(taskId);
        continue;
      }
      question.push({ taskId, ...(task.agentId === undefined ? {} : { agentId: task.agentId }) });
      if (question.length === tasksPerQuestionMax) {
        this.options.ask(question);
        question = [];
      }
    }
    if (question.length > 0) this.options.ask(question);
    this.retryLater();
  }

  private retryLater(): void {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    if (this.unanswered.size === 0) return;
    const { clock, random } = this.options.environment;
    const delayMs = backoffDelayMs(reconcileBackoff, this.attempt++, random.next());
    this.cancelRetry = clock.schedule(delayMs, () => {
      this.cancelRetry = undefined;
      this.askUnanswered();
    });
  }

  private armRound(): void {
    const { clock, random } = this.options.environment;
    this.cancelRound = clock.schedule(reconcileRoundMs * (0.75 + random.next() / 2), () => {
      this.armRound();
      this.begin();
      this.options.ask([]);
      this.retryLater();
    });
  }
}
