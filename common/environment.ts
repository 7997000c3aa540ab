// Environment: the real clock, randomness and ids of this machine.
//
// Owns:      the only touch of `Date`, timers, random bytes and UUIDs in the tree, and the text form of wall time.
// Elsewhere: the interface (ports.ts), fake clocks for tests (test/common/fake-environment.ts, frameworks/sdk/testing/).
// Invariants:
//   E1. A callback runs no sooner than its delay by this same clock, and never inside `schedule`. Node alone promises neither: it cuts
//       fractions off, rounds its own loop time down, and turns a delay beyond 2^31-1 ms into 1 ms.
//   E2. Pending timers keep the process alive: a node that still waits for something is not finished.
// Source: Node timers documentation (TIMEOUT_MAX); our choice for the rest, because deadlines are compared with `nowMs`.

import { randomFillSync, randomUUID } from 'node:crypto';

import { invariant } from './invariant';
import type { Cancel, Clock, Environment, IdSource, Random } from './ports';

/** Longest delay that a Node timer takes, about 24.8 days; longer waits are made of several (E1). */
const timerDelayMaxMs = 2 ** 31 - 1;

/** Random bytes drawn from the system at once: a system call per number would cost more than the number. 512 numbers a draw. */
const randomPoolBytes = 4096;

const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs: number, callback: () => void): Cancel {
    invariant(!Number.isNaN(delayMs), 'A delay is a number of milliseconds');
    const dueMs = performance.now() + Math.max(0, delayMs);
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const remainingMs = dueMs - performance.now();
      timer = setTimeout(fire, Math.min(timerDelayMaxMs, Math.max(0, Math.ceil(remainingMs))));
    };
    const fire = (): void => {
      if (performance.now() < dueMs) {
        arm();
        return;
      }
      timer = undefined;
      callback();
    };
    arm();
    return () => {
      clearTimeout(timer);
      timer = undefined;
    };
  },
};

function createSystemRandom(): Random {
  const pool = Buffer.alloc(randomPoolBytes);
  let position = randomPoolBytes;
  return {
    next() {
      if (position === randomPoolBytes) {
        randomFillSync(pool);
        position = 0;
      }
      // 53 random bits, the precision of a double in [0, 1).
      const high = pool.readUInt32LE(position) >>> 5;
      const low = pool.readUInt32LE(position + 4) >>> 6;
      position += 8;
      return (high * 2 ** 26 + low) / 2 ** 53;
    },
  };
}

const systemIds: IdSource = { uuid: () => randomUUID() };

/** The machine's own clock, randomness and ids. One per process is enough; several do no harm. */
export function createEnvironment(): Environment {
  return { clock: systemClock, random: createSystemRandom(), ids: systemIds };
}

/** Wall time as people and log collectors read it: `2026-11-20T13:55:00.123Z`, always UTC. `wallMs` as of {@link Clock.wallMs}. */
export function formatWallTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
