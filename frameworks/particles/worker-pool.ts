// Worker pool: chunks onto threads.
//
// Owns:      starting threads when they are needed, one order a thread at a time, the queue in front of them, ending the thread of a killed order.
// Elsewhere: what a thread does (count-worker.ts), what an unfortunate answer means (executor-program.ts).
// Invariants:
//   P1. Every order is answered once, or its signal was aborted.
//   P2. There work as many threads as the orders here have cpus together, rounded up, and at most `sizeMax`: a task of half a cpu waits while another
//       is being counted, and is there when that is done. The queue is bounded by who orders: the agent's resources bound the tasks.
//   P3. An aborted order ends at once, also in the middle of counting: its thread is ended and another takes its place when needed.

import type { WorkerAnswer } from './count-worker';
import type { RangeOrder } from './range-count';

/** What is used of a `Worker` of node:worker_threads. */
export interface PoolThread {
  postMessage(order: RangeOrder): void;
  on(event: 'message', listener: (answer: WorkerAnswer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (status: number) => void): unknown;
  terminate(): Promise<number>;
}

interface Job {
  readonly order: RangeOrder;
  readonly cpus: number;
  readonly resolve: (answer: WorkerAnswer) => void;
}

interface Place {
  readonly thread: PoolThread;
  job: Job | undefined;
}

export class WorkerPool {
  private readonly places = new Set<Place>();
  private readonly queue: Job[] = [];
  /** P2. Not less again when orders become fewer: the next offer brings more of them, and the last ones should end soon. */
  private threadsAllowed = 1;

  /** @param sizeMax threads at most; more than cores would only take turns */
  constructor(
    private readonly sizeMax: number,
    private readonly startThread: () => PoolThread,
  ) {}

  /** Starts threads up to so many before there is an order, while other things are being waited for. */
  warmUp(count: number): void {
    while (this.places.size < Math.min(this.sizeMax, count)) this.addPlace();
  }

  /**
   * Rejects with the signal's reason when it is aborted; otherwise the thread's answer, `refused` when the thread itself died.
   * @param cpus the part of a core, or the cores, that the order has a right to
   */
  run(order: RangeOrder, cpus: number, signal: AbortSignal): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        this.drop(job);
        reject(signal.reason as Error);
      };
      const job: Job = {
        order,
        cpus,
        resolve: (answer) => {
          signal.removeEventListener('abort', onAbort);
          resolve(answer);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.queue.push(job);
      this.fill();
    });
  }

  private fill(): void {
    while (this.queue.length > 0) {
      this.threadsAllowed = Math.max(this.threadsAllowed, this.threadsWanted);
      const places = [...this.places];
      if (places.filter((place) => place.job !== undefined).length >= this.threadsAllowed) return;
      const free = places.find((place) => place.job === undefined) ?? this.addPlace();
      const job = this.queue.shift();
      if (job === undefined) return;
      free.job = job;
      free.thread.postMessage(job.order);
    }
  }

  private get threadsWanted(): number {
    let cpus = 0;
    for (const job of this.queue) cpus += job.cpus;
    for (const { job } of this.places) cpus += job?.cpus ?? 0;
    return Math.min(this.sizeMax, Math.max(1, Math.ceil(cpus)));
  }

  private addPlace(): Place {
    const place: Place = { thread: this.startThread(), job: undefined };
    this.places.add(place);
    place.thread.on('message', (answer) => this.answered(place, answer));
    place.thread.on('error', (error) => this.died(place, error.message));
    place.thread.on('exit', (status) => this.died(place, `its thread ended with status ${status}`));
    return place;
  }

  private answered(place: Place, answer: WorkerAnswer): void {
    const { job } = place;
    place.job = undefined;
    job?.resolve(answer);
    this.fill();
  }

  private died(place: Place, reason: string): void {
    if (!this.places.delete(place)) return;
    place.job?.resolve({ kind: 'refused', reason });
    this.fill();
  }

  /** P3. */
  private drop(job: Job): void {
    const queued = this.queue.indexOf(job);
    if (queued >= 0) this.queue.splice(queued, 1);
    const place = [...this.places].find((one) => one.job === job);
    if (place === undefined) return;
    this.places.delete(place);
    void place.thread.terminate();
    this.fill();
  }
}
