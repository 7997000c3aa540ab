// Scheduler error: the few reasons for which a driver gives up.
//
// Owns:      the codes of a driver's end that is not the user's wish, and how the master's words are told apart.
// Elsewhere: failures of the world that a driver survives (leader-session.ts), refused calls (the `refused` handler).
// Invariants:
//   E1. Nothing but these ends a driver that was not stopped: no lost link, no refused call, no handler that throws.
// Source: Mesos ERROR event ("Framework failed over", "Framework has been removed", refused subscriptions).

/** Why the driver ended. Tell them apart by `code`. */
export type SchedulerErrorCode =
  /** The master does not take the framework as described: invalid, unauthorized, a changed principal. Mend the description. */
  | 'SUBSCRIPTION_REFUSED'
  /** Another scheduler subscribed under the same framework id and has taken over. Nothing to mend: one of the two is too many. */
  | 'FAILED_OVER'
  /** The framework was torn down, by an operator or because its failover timeout passed. Start anew without its id. */
  | 'FRAMEWORK_REMOVED';

const sentences: Readonly<Record<SchedulerErrorCode, string>> = {
  SUBSCRIPTION_REFUSED: 'Cannot subscribe',
  FAILED_OVER: 'Cannot go on as another scheduler has taken over this framework',
  FRAMEWORK_REMOVED: 'Cannot go on as this framework was removed; subscribe without its id to begin a new one',
};

/** Ends `run()`. `detail` is what the master said. */
export class SchedulerError extends Error {
  constructor(
    readonly code: SchedulerErrorCode,
    readonly detail: string,
  ) {
    super(`${sentences[code]}: the master says ${JSON.stringify(detail)}`);
    this.name = 'SchedulerError';
  }
}

/** What an ERROR event means; undefined for words of a session that stood and that no rule knows: that session is over, the driver is not. */
export function schedulerErrorCode(message: string, isSubscribed: boolean): SchedulerErrorCode | undefined {
  // At the start only: a refusal may quote whatever the framework wrote.
  if (message.startsWith('Framework failed over')) return 'FAILED_OVER';
  if (message.startsWith('Framework has been removed')) return 'FRAMEWORK_REMOVED';
  return isSubscribed ? undefined : 'SUBSCRIPTION_REFUSED';
}
