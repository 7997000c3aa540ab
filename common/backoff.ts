// Backoff: how long to wait before trying again.
//
// Owns:      the formula and its defaults.
// Elsewhere: who tries what (leader-session.ts and others), the timer (ports.ts).
// Source: exponential backoff with equal jitter; numbers measured for masters that come back to thousands of peers (platform, 2.3).

/** Delays of one kind of retry, in milliseconds. */
export interface Backoff {
  /** Upper bound of the first delay, > 0. More: fewer attempts against a peer that restarts; less: a quicker return after a short cut. */
  readonly initialMs: number;
  /** Growth per attempt, >= 1. */
  readonly factor: number;
  /** Upper bound of any delay. More: a gentler storm when a busy master returns; less: a quicker return after a long outage. */
  readonly maxMs: number;
}

/**
 * Towards a master: 0.5 s doubling up to 3 s. With these, 5,000 peers were back within 3 s of a master that had been away for 20 s;
 * with a library's usual 120 s maximum the last came after 16 s.
 */
export const masterBackoff: Backoff = { initialMs: 500, factor: 2, maxMs: 3_000 };

/**
 * Delay before retry number `attempt` (0 for the first): uniform in [d/2, d) for d = min(maxMs, initialMs · factor^attempt). Half is
 * fixed, so that nobody spins; half is drawn by `random` in [0, 1), so that peers cut off together do not return together.
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: number): number {
  const boundMs = Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** attempt);
  return boundMs / 2 + (boundMs / 2) * random;
}
