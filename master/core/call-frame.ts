// Call frame: what one frame of a scheduler's calls has asked for so far.
//
// Owns:      the memory, for the length of one step, of calls whose repetition says nothing new, and the count of what one frame may ask.
// Elsewhere: what each call means, and what is owed at the end of a frame (scheduler-calls.ts).
// Invariants:
//   R1. What a frame makes the master say is bounded by the frame: a call whose answer is larger than itself is answered once per frame, or
//       counted against a maximum named here.
//   R2. No frame fills what an agent's link lets wait: orders are about what the framework has there, each given once in a moment (kills.ts),
//       and messages are counted.
// Source: ours. A frame carries a hundred thousand calls of a few bytes, and a step is not cut in two: what Mesos bounds by one call a request
//         would be multiplied here.

import type { KillPolicy } from '../../common/model/task';
import type { Agent, Task } from './master-state';

/**
 * Tasks asked about one by one in a frame, by RECONCILE or by a KILL of what is not tracked. Ours: a driver's frames of a megabyte hold fewer
 * questions, and their answers, some 200 bytes each, still fit into what a link lets wait.
 */
export const questionCountMax = 100_000;

/**
 * Bytes of MESSAGEs to one agent in a frame, ids included; more are dropped, as to an agent that is away. Ours: as much as one frame brings where
 * the ids are short, and a quarter of what an agent's link lets wait.
 */
export const messageBytesMax = 8 * 1024 * 1024;

export interface CallFrame {
  /** RECONCILE of everything was asked, how often says nothing. */
  isAllAsked: boolean;
  /** Tasks asked about one by one. */
  questionCount: number;
  /** The info of the framework became another one, and its agents have not heard of it. */
  isInfoNews: boolean;
  /** Tasks to be killed. */
  readonly kills: Map<Task, KillPolicy | undefined>;
  /** Of MESSAGEs that were passed on. */
  readonly messageBytes: Map<Agent, number>;
}

export function newCallFrame(): CallFrame {
  return { isAllAsked: false, questionCount: 0, isInfoNews: false, kills: new Map(), messageBytes: new Map() };
}

/** Takes so many questions; false, and none is taken, if the frame would ask too much. */
export function countQuestions(frame: CallFrame, count: number): boolean {
  if (frame.questionCount + count > questionCountMax) return false;
  frame.questionCount += count;
  return true;
}

/** What a refused question is told to expect. */
export function roomForQuestions({ questionCount }: CallFrame): string {
  return `at most ${questionCountMax} tasks asked about in one frame of calls, of which ${questionCount} are asked already`;
}

/** Takes a message of so many bytes to that agent; false, and nothing is taken, if it would be too much. */
export function countMessage(frame: CallFrame, agent: Agent, bytes: number): boolean {
  const sum = (frame.messageBytes.get(agent) ?? 0) + bytes;
  if (sum > messageBytesMax) return false;
  frame.messageBytes.set(agent, sum);
  return true;
}
