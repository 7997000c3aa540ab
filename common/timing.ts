// Timing: waits that can be cancelled and leave nothing behind.
//
// Owns:      combining abort signals, delays, deadlines; removal of every listener and timer on every exit.
// Elsewhere: the clock (ports.ts, environment.ts).
// Invariants:
//   T1. After a function of this file is over, by success, failure or abort, no listener or timer of its making exists.
// Source: our choice; `AbortSignal.any` with a long-lived parent leaks in the Node lines that we support.

import { AllotError } from './errors';
import type { Clock } from './ports';

export interface LinkedSignal {
  /** Aborted when any of the parents is, with its reason. */
  readonly signal: AbortSignal;
  /** Lets go of the parents. The one who linked calls this when the work is over (T1); it does not abort. Twice does nothing. */
  cancel(): void;
}

/** Combines signals, and skips those that are undefined. */
export function linkSignals(...parents: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const cleanups: (() => void)[] = [];
  const cancel = (): void => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  };
  for (const parent of parents) {
    if (parent === undefined) continue;
    if (parent.aborted) {
      cancel();
      controller.abort(parent.reason);
      break;
    }
    const onAbort = (): void => {
      cancel();
      controller.abort(parent.reason);
    };
    parent.addEventListener('abort', onAbort);
    cleanups.push(() => parent.removeEventListener('abort', onAbort));
  }
  return { signal: controller.signal, cancel };
}

/** Resolves no sooner than `delayMs` from now; rejects with the signal's reason as soon as it is aborted. */
export function abortableDelay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const cancelTimer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort);
  });
}

/** What `work` comes to; rejects with the signal's reason as soon as it is aborted, and then nobody hears any more what `work` comes to. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const over = (tell: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      tell();
    };
    const onAbort = (): void => over(() => reject(signal.reason));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
    work.then(
      (value) => over(() => resolve(value)),
      (error: unknown) => over(() => reject(error)),
    );
  });
}

/** A point in monotonic time by which something has to be done. Never: `atMs` is Infinity. */
export interface Deadline {
  readonly atMs: number;
}

/** `afterMs` from now; Infinity for none. */
export function deadlineIn(clock: Clock, afterMs: number): Deadline {
  return { atMs: clock.nowMs() + afterMs };
}

/** Milliseconds left, never negative: what the next step of several may take. */
export function remainingMs(clock: Clock, deadline: Deadline): number {
  return Math.max(0, deadline.atMs - clock.nowMs());
}

/** Whether the deadline is now or was earlier. */
export function hasPassed(clock: Clock, deadline: Deadline): boolean {
  return clock.nowMs() >= deadline.atMs;
}

/**
 * Runs `work` with a signal that is aborted when `parent` is, or when `limitMs` have passed. Rejects with DEADLINE_PASSED or the parent's
 * reason without waiting for `work`, which has to heed its signal; `action` completes "Cannot …" (`read the status of the agent`).
 */
export async function withDeadline<T>(
  options: { readonly clock: Clock; readonly limitMs: number; readonly action: string; readonly parent?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  options.parent?.throwIfAborted();
  const controller = new AbortController();
  const linked = linkSignals(options.parent, controller.signal);
  const cancelTimer = options.clock.schedule(options.limitMs, () => {
    controller.abort(new AllotError({ code: 'DEADLINE_PASSED', action: options.action, afterMs: options.limitMs }));
  });
  let stopListening = (): void => undefined;
  const gaveUp = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(linked.signal.reason);
    linked.signal.addEventListener('abort', onAbort);
    stopListening = () => linked.signal.removeEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work(linked.signal), gaveUp]);
  } finally {
    stopListening();
    cancelTimer();
    linked.cancel();
  }
}
