// Task checker: no task runs twice, updates are neither lost nor reordered, and an end is an end.
//
// Owns:      the promises "no task id is started twice", "an update that its agent counts as acknowledged was acknowledged by its scheduler, which had
//            heard it", "updates of a task arrive in the order of the agent's log", and "what a scheduler was told is over stays over".
// Elsewhere: that in the end every update arrived (quiet-check.ts).
// Invariants:
//   T1. Task ids of the watched frameworks are never used twice, so `framework/task` names one run. Frameworks that do otherwise are not watched.
// Source: DESIGN, "Delivery guarantees" and "What the simulation asserts".

import type { SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { ClusterSight } from '../../frameworks/sdk/testing';
import { endStates } from './term-books';
import { isMaster, Violation, type Checker } from './violation';

export class TaskChecker implements Checker {
  private readonly starts = new Set<string>();
  /** Per task the uuids in the order of its agent's log. */
  private readonly logs = new Map<string, string[]>();
  /** Per task how far along its log the scheduler is. */
  private readonly heardUpTo = new Map<string, number>();
  private readonly heard = new Set<string>();
  private readonly acknowledged = new Set<string>();
  private readonly ends = new Map<string, string>();
  /** Framework by link, from SUBSCRIBED. */
  private readonly frameworkOfLink = new Map<number, string>();
  startCount = 0;
  updateCount = 0;

  /** `isWatched`: by host name of the scheduler, or by framework id. */
  constructor(private readonly isWatchedHost: (host: string) => boolean) {}

  private readonly unwatched = new Set<string>();

  see(sight: ClusterSight): void {
    if (sight.source === 'container' && sight.sight.kind === 'started') {
      const { environment, frameworkId } = sight.sight.spec;
      const taskId = environment.get('MESOS_TASK_ID');
      if (taskId !== undefined) this.started(frameworkId, taskId, `a container on ${sight.agent.host}`);
    } else if (sight.source === 'disk') {
      this.onRecord(sight);
    } else if (sight.source === 'network') {
      const { sight: seen } = sight;
      if (seen.kind === 'delivered' && seen.service === 'schedulers' && isMaster(seen.from)) {
        for (const event of seen.messages as readonly SchedulerEvent[]) this.onEvent(seen.link, seen.to, event);
      } else if (seen.kind === 'sent' && seen.service === 'schedulers' && !isMaster(seen.from) && this.isWatchedHost(seen.from)) {
        for (const { call } of seen.messages as readonly SchedulerCallEnvelope[]) if (call.kind === 'acknowledge') this.onAcknowledge(seen.link, call);
      }
    }
  }

  /** A custom executor began to work on the task; command tasks are seen by their containers. */
  started(frameworkId: string, taskId: string, where: string): void {
    if (this.unwatched.has(frameworkId)) return;
    const key = `${frameworkId}/${taskId}`;
    this.startCount += 1;
    if (this.starts.has(key)) throw new Violation('No task id is started twice', `${key}, the second time by ${where}`);
    this.starts.add(key);
  }

  /** What the author of a scheduler was told. */
  told(frameworkId: string, taskId: string, state: string): void {
    const key = `${frameworkId}/${taskId}`;
    const end = this.ends.get(key);
    if (end !== undefined && end !== state && !mayFollow(end, state)) throw new Violation('What a scheduler was told is over stays over', `${key} was ${end}, then ${state}`);
    if (endStates.has(state)) this.ends.set(key, state);
  }

  private onRecord({ record, agent }: Extract<ClusterSight, { source: 'disk' }>): void {
    if (record.kind === 'update') {
      const { taskId, uuid = '' } = record.status;
      const key = `${record.frameworkId}/${taskId}`;
      const log = this.logs.get(key) ?? [];
      this.logs.set(key, log);
      if (!log.includes(uuid)) log.push(uuid);
    } else if (record.kind === 'update-acknowledged' && !this.unwatched.has(record.frameworkId)) {
      const key = `${record.frameworkId}/${record.taskId}/${record.uuid}`;
      if (!this.acknowledged.has(key)) throw new Violation('An update counts as acknowledged only if its scheduler acknowledged it', `${agent.host}: ${key}`);
    }
  }

  private onEvent(link: number, host: string, event: SchedulerEvent): void {
    if (event.kind === 'subscribed') {
      this.frameworkOfLink.set(link, event.frameworkId);
      if (!this.isWatchedHost(host)) this.unwatched.add(event.frameworkId);
    }
    if (event.kind !== 'update' || event.status.uuid === undefined || !this.isWatchedHost(host)) return;
    const { taskId, uuid, state } = event.status;
    const task = `${this.frameworkOfLink.get(link)}/${taskId}`;
    const position = this.logs.get(task)?.indexOf(uuid) ?? -1;
    if (position < 0) throw new Violation('An update is in its agent\'s log before anybody hears of it', `${task} ${state} ${uuid}`);
    const upTo = this.heardUpTo.get(task) ?? -1;
    const update = `${task}/${uuid}`;
    if (!this.heard.has(update) && position < upTo) throw new Violation('Updates of a task arrive in the order of the log', `${task} ${state} ${uuid} is number ${position}, after number ${upTo}`);
    this.heard.add(update);
    this.heardUpTo.set(task, Math.max(upTo, position));
    this.updateCount += 1;
  }

  private onAcknowledge(link: number, { taskId, uuid }: { readonly taskId: string; readonly uuid: string }): void {
    const update = `${this.frameworkOfLink.get(link)}/${taskId}/${uuid}`;
    if (!this.heard.has(update)) throw new Violation('A scheduler acknowledges what it has heard', update);
    this.acknowledged.add(update);
  }
}

/**
 * TASK_LOST is what a master says when an agent leaves with an end untold; the agent's log still brings it. TASK_GONE is what a master says of a task
 * that its agent does not have; that the agent itself calls it TASK_DROPPED is the same end from another mouth.
 */
function mayFollow(end: string, state: string): boolean {
  return end === 'TASK_LOST' || (end === 'TASK_GONE' && state === 'TASK_DROPPED');
}
