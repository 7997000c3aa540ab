// Call frame: what one frame of a scheduler's calls has asked for so far.
//
// Owns:      the memory, for the length of one step, of calls whose repetition says nothing new, and the count of answers that one frame gets.
// Elsewhere: what each call means, and what is owed at the end of a frame (scheduler-calls.ts).
// Invariants:
//   R1. What a frame makes the master say is bounded by the frame: a call whose answer is larger than itself is answered once per frame, or
//       counted against a maximum named here.
// Source: ours. A frame carries a hundred thousand calls of a few bytes, and a step is not cut in two: what Mesos bounds by one call a request
//         would be multiplied here.

/**
 * Tasks asked about one by one in a frame, by RECONCILE or by a KILL of what is not tracked. Ours: a driver's frames of a megabyte hold fewer
 * questions, and their answers, some 200 bytes each, still fit into what a link lets wait.
 */
export const questionCountMax = 100_000;

export interface CallFrame {
  /** RECONCILE of everything was asked, how often says nothing. */
  isAllAsked: boolean;
  /** Tasks asked about one by one. */
  questionCount: number;
}

export function newCallFrame(): CallFrame {
  return { isAllAsked: false, questionCount: 0 };
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
