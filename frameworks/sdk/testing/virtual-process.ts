// A virtual process: it begins, it dies, and nothing of a life outlasts it.
//
// Owns:      the lives of one host's process: their clock, randomness, ids, log, and their end.
// Elsewhere: what runs in it (virtual-master.ts, virtual-agent.ts, the SDK's drivers).
// Invariants:
//   V1. At most one life at a time. When it ends, its timers never run and its links are gone.
//   V2. Each life draws its own random numbers and ids, which depend on the seed, the host and the number of the life only.
// Source: our choice.

import { invariant } from '../../../common/invariant';
import type { Accept, Environment, Log } from '../../../common/ports';
import { SeededIds, type SeededRandom } from './seeded-random';
import type { SimulatedEtcd } from './simulated-etcd';
import type { SimulatedNetwork } from './simulated-network';
import type { ClockScope, VirtualClock } from './virtual-clock';
import type { VirtualLog } from './virtual-log';

/** What all processes of a virtual cluster share. */
export interface VirtualWorld {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  readonly etcd: SimulatedEtcd;
  readonly log: VirtualLog;
}

export interface Life {
  readonly clock: ClockScope;
  readonly environment: Environment;
  readonly log: Log;
}

export class VirtualProcess {
  private lives = 0;
  private life: Life | undefined;

  constructor(
    readonly host: string,
    private readonly world: VirtualWorld,
  ) {}

  get isAlive(): boolean {
    return this.life !== undefined;
  }

  /** Timers of the present life: for leak checks. */
  get timerCount(): number {
    return this.life?.clock.timerCount ?? 0;
  }

  begin(): Life {
    invariant(!this.life, `${this.host} runs already`);
    const { clock, random, log } = this.world;
    this.lives += 1;
    const own = random.stream(`${this.host}/${this.lives}`);
    const scope = clock.scope();
    this.life = { clock: scope, environment: { clock: scope, random: own, ids: new SeededIds(own.stream('ids')) }, log: log.of(this.host) };
    return this.life;
  }

  /** Gets no turn for so long: what arrives waits, timers are late. Nothing happens to a dead one. */
  stall(durationMs: number): void {
    if (!this.life) return;
    this.life.clock.stall(durationMs);
    this.world.network.stall(this.host, durationMs);
  }

  /** Dead, as by `kill -9`; `withMachine`: as by a lost power cord. Nothing happens to a dead one. */
  end(withMachine = false): void {
    if (!this.life) return;
    this.life.clock.stop();
    this.life = undefined;
    this.world.network.crash(this.host, withMachine);
  }
}

/**
 * Between a link of values and a node that expects them checked, as its service hands them over after decoding. What already is the outcome of a
 * check stays as it is: that is how a test says something that cannot be decoded.
 */
export function checking<Out, Value, Received>(accept: Accept<Out, Received>): Accept<Out, Value | Received> {
  return (link, peer) => {
    const handler = accept(link, peer);
    return {
      messages: (messages) => handler.messages(messages.map((message) => (isChecked(message) ? message : ({ ok: true, value: message } as Received)))),
      closed: (end) => handler.closed(end),
    };
  };

  function isChecked(message: Value | Received): message is Received {
    return typeof message === 'object' && message !== null && 'ok' in message;
  }
}
