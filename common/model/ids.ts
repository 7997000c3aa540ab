// Ids: what things are called, and which strings may be names.
//
// Owns:      the branded id types and the one validation rule that they share.
// Elsewhere: who makes ids (the injected `Environment.ids`, common/environment.ts), how they travel (proto/).
// Invariants:
//   I1. A value of a branded type obeys the common id rule; only this file casts.
// Source: Mesos common id rule (non-empty, at most 255 characters, not `.` or `..`, no control characters, no slashes), which keeps
//         every id usable as a file name.

import { accepted, refused, type Checked } from '../refusal';

declare const brand: unique symbol;
type Id<Kind extends string> = string & { readonly [brand]: Kind };

/** `<masterId>-NNNN`, given by the master at first subscription. */
export type FrameworkId = Id<'framework'>;
/** `<masterId>-S<n>`, given by the master at admission; the agent keeps it for life. */
export type AgentId = Id<'agent'>;
/** `<masterId>-O<n>`; dies with the offer. */
export type OfferId = Id<'offer'>;
/** Chosen by the framework; unique among its live tasks. */
export type TaskId = Id<'task'>;
/** Chosen by the framework; unique per framework and agent among live executors. */
export type ExecutorId = Id<'executor'>;
/** UUID given by the agent to one run of one executor. */
export type ContainerId = Id<'container'>;
/** UUID of one term of one master process: new whenever a master starts to lead. */
export type MasterId = Id<'master'>;

/** Longest id in characters. Source: Mesos (255: the longest file name). */
export const idLengthMax = 255;

function check<T extends string>(text: unknown, field: string): Checked<T> {
  if (typeof text !== 'string' || text.length === 0) return refused(field, text, 'a non-empty id');
  if (text.length > idLengthMax) return refused(field, text, `an id of at most ${idLengthMax} characters`);
  if (text === '.' || text === '..') return refused(field, text, 'an id other than "." and ".."');
  if (/[\u0000-\u001f\u007f/\\]/.test(text)) return refused(field, text, 'an id without control characters, "/" and "\\"');
  return accepted(text as T);
}

export const checkFrameworkId = (text: unknown, field = 'framework_id'): Checked<FrameworkId> => check(text, field);
export const checkAgentId = (text: unknown, field = 'agent_id'): Checked<AgentId> => check(text, field);
export const checkOfferId = (text: unknown, field = 'offer_id'): Checked<OfferId> => check(text, field);
export const checkTaskId = (text: unknown, field = 'task_id'): Checked<TaskId> => check(text, field);
export const checkExecutorId = (text: unknown, field = 'executor_id'): Checked<ExecutorId> => check(text, field);
export const checkContainerId = (text: unknown, field = 'container_id'): Checked<ContainerId> => check(text, field);
/** Names a persistent volume, and its directory. Unique per role and agent; not branded, because it lives only inside a resource. */
export const checkPersistenceId = (text: unknown, field = 'persistence.id'): Checked<string> => check(text, field);

function made<T extends string>(text: string): T {
  const checked = check<T>(text, 'id');
  if (!checked.ok) throw new TypeError(`Not an id: ${JSON.stringify(text)}, expected ${checked.refusal.expected}`);
  return checked.value;
}

/** Brands text that our own code made; throws a TypeError on text that is not an id. For input from others use the `check…` functions. */
export const frameworkId = (text: string): FrameworkId => made(text);
export const agentId = (text: string): AgentId => made(text);
export const offerId = (text: string): OfferId => made(text);
export const taskId = (text: string): TaskId => made(text);
export const executorId = (text: string): ExecutorId => made(text);
export const containerId = (text: string): ContainerId => made(text);
export const masterId = (text: string): MasterId => made(text);

/** An executor id is the framework's own name space, so it may equal a task id: the command executor of a task bears the task's id. */
export const commandExecutorId = (task: TaskId): ExecutorId => task as string as ExecutorId;
