// Link probe: the end of a link as a test sees it, and the timers it leaves behind.
//
// Owns:      a handler that remembers, waiting for what it remembers, an environment that counts pending timers.
// Elsewhere: the tests (grpc-link.test.ts, grpc-operator.test.ts).

import { createEnvironment } from '../../common/environment';
import type { Environment, LinkEnd, LinkHandler } from '../../common/ports';

export class LinkProbe<In> implements LinkHandler<In> {
  readonly frames: (readonly In[])[] = [];
  readonly ends: LinkEnd[] = [];
  private readonly waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];

  get heard(): In[] {
    return this.frames.flat();
  }

  messages(messages: readonly In[]): void {
    this.frames.push(messages);
    this.wake();
  }

  closed(end: LinkEnd): void {
    this.ends.push(end);
    this.wake();
  }

  /** Resolves as soon as the claim holds; it is looked at after each event of the link, and after `wake`. */
  async until(isDone: () => boolean): Promise<void> {
    if (isDone()) return;
    await new Promise<void>((resolve) => this.waiting.push({ isDone, resolve }));
  }

  async end(): Promise<LinkEnd> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0]!;
  }

  async count(messages: number): Promise<In[]> {
    await this.until(() => this.heard.length >= messages);
    return this.heard;
  }

  wake(): void {
    for (const entry of this.waiting.splice(0)) {
      if (entry.isDone()) entry.resolve();
      else this.waiting.push(entry);
    }
  }
}

/** The real environment, and how many of its timers are pending. */
export function countingEnvironment(): Environment & { pendingTimers(): number } {
  const real = createEnvironment();
  let pending = 0;
  return {
    ...real,
    clock: {
      nowMs: () => real.clock.nowMs(),
      wallMs: () => real.clock.wallMs(),
      schedule(delayMs, callback) {
        let isPending = true;
        const settle = (): void => {
          if (isPending) pending -= 1;
          isPending = false;
        };
        pending += 1;
        const cancel = real.clock.schedule(delayMs, () => {
          settle();
          callback();
        });
        return () => {
          settle();
          cancel();
        };
      },
    },
    pendingTimers: () => pending,
  };
}

/** Lets the event loop turn until the claim holds: for what has no event of its own, like a counter that falls to 0. */
export async function eventually(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise<void>((resolve) => setImmediate(resolve));
}
