// Handler call: running what a user wrote, whether it answers at once or later.
//
// Owns:      telling a value from a promise, and a failure of the handler from a bug of ours.
// Elsewhere: what a failure leads to (scheduler-driver.ts, update-inbox.ts, task-runner.ts).
// Invariants:
//   H1. `done` is called once. A handler that answers at once is done inside the call, so that a whole cluster runs without a promise.
// Source: our choice.

/** What a handler may return. */
export type MaybePromise<T> = T | PromiseLike<T>;

export type HandlerEnd<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Calls `handler` and tells `done` how it ended (H1). A BugError is not caught: it is ours, and must not spread. */
export function callHandler<T>(handler: () => MaybePromise<T>, done: (end: HandlerEnd<T>) => void): void {
  let result: MaybePromise<T>;
  try {
    result = handler();
  } catch (error) {
    rethrowBug(error);
    done({ ok: false, error });
    return;
  }
  if (!isPromiseLike(result)) {
    done({ ok: true, value: result });
    return;
  }
  // Both ends are taken; what `done` itself throws is a bug and reaches the process as an unhandled rejection.
  void result.then(
    (value) => done({ ok: true, value }),
    (error: unknown) => {
      rethrowBug(error);
      done({ ok: false, error });
    },
  );
}

function isPromiseLike<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function rethrowBug(error: unknown): void {
  if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'BUG') throw error;
}
