// Worker pool: chunks onto threads.
//
// Owns:      starting threads when they are needed, which thread works on which order, the queue in front of them, ending the threads of a killed order.
// Elsewhere: what a thread does (count-worker.ts), what an unfortunate answer means (executor-program.ts), pieces (pieces.ts).
// Invariants:
//   P1. Every order is answered once, or its signal was aborted.
//   P2. There work as many threads as the orders here have cpus together, rounded up, and at most `sizeMax`: a task of half a cpu waits while another
//       is being counted, and is there when that is done. The queue is bounded by who orders: the agent's resources bound the tasks.
//   P3. An aborted order ends at once, also in the middle of counting: its threads are ended and others take their places when needed.
//   P4. A thread with nothing to begin helps with the order of which most is left: of those that P2 lets work none is idle while there are pieces that
//       nobody has taken.

import type { WorkerAnswer } from './count-worker';
import { pieceFor, takeAll, type CountFailure, type CountOrder } from './piece-count';

/** What is used of a `Worker` of node:worker_threads. */
export interface PoolThread {
  postMessage(order: CountOrder): void;
  on(event: 'message', listener: (answer: WorkerAnswer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (status: number) => void): unknown;
  terminate(): Promise<number>;
}

interface Job {
  readonly order: CountOrder;
  readonly cpus: number;
  /** How many threads were given it, and how many of them work on it. */
  threads: number;
  working: number;
  runs: WorkerAnswer['runs'];
  failure: CountFailure | undefined;
  readonly resolve: (answer: WorkerAnswer) => void;
}

interface Place {
  readonly thread: PoolThread;
  job: Job | undefined;
}

export class WorkerPool {
  private readonly places = new Set<Place>();
  private readonly queue: Job[] = [];
  private readonly running = new Set<Job>();
  /** P2. Not less again when orders become fewer: the next offer brings more of them, and the last ones should end soon. */
  private threadsAllowed = 1;

  /** @param sizeMax threads at most; more than cores would only take turns */
  constructor(
    readonly sizeMax: number,
    private readonly startThread: () => PoolThread,
  ) {}

  /** Starts threads up to so many before there is an order, while other things are being waited for. */
  warmUp(count: number): void {
    while (this.places.size < Math.min(this.sizeMax, count)) if (typeof this.startPlace() === 'string') return;
  }

  /**
   * Rejects with the signal's reason when it is aborted; otherwise what the threads answer together, with the first failure of any; `refused` when a thread
   * itself died. No piece of the order is taken yet.
   * @param cpus the part of a core, or the cores, that the order has a right to
   */
  run(order: CountOrder, cpus: number, signal: AbortSignal): Promise<WorkerAnswer> {
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
        ...{ order, cpus, threads: 0, working: 0, runs: [], failure: undefined },
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
    for (;;) {
      this.threadsAllowed = Math.max(this.threadsAllowed, this.threadsWanted);
      const places = [...this.places];
      if (places.filter((place) => place.job !== undefined).length >= this.threadsAllowed) return;
      const [queued] = this.queue;
      const job = queued ?? this.mostLeft();
      if (job === undefined) return;
      const free = places.find((place) => place.job === undefined) ?? this.startPlace();
      if (typeof free === 'string') {
        // The threads that there are will come to it.
        if (places.length > 0) return;
        this.queue.shift();
        job.resolve({ runs: [], failure: { kind: 'refused', reason: free } });
        continue;
      }
      if (job === queued) this.queue.shift();
      this.running.add(job);
      job.threads += 1;
      job.working += 1;
      free.job = job;
      free.thread.postMessage(job.order);
    }
  }

  private get threadsWanted(): number {
    let cpus = 0;
    for (const job of [...this.queue, ...this.running]) cpus += job.cpus;
    return Math.min(this.sizeMax, Math.max(1, Math.ceil(cpus)));
  }

  /** P4. */
  private mostLeft(): Job | undefined {
    let [most, mostBytes]: [Job | undefined, number] = [undefined, 0];
    for (const job of this.running) {
      const next = pieceFor(job.order, job.threads);
      const bytes = next === undefined ? 0 : job.order.end - next.start;
      if (bytes > mostBytes) [most, mostBytes] = [job, bytes];
    }
    return most;
  }

  /** Or why there is none to be had. */
  private startPlace(): Place | string {
    try {
      return this.addPlace();
    } catch (error) {
      return `no thread can be started: ${error instanceof Error ? error.message : String(error)}`;
    }
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
    if (job !== undefined) this.workedOn(job, answer);
    this.fill();
  }

  private died(place: Place, reason: string): void {
    if (!this.places.delete(place)) return;
    if (place.job !== undefined) {
      // What it had taken is lost: the others need not go on.
      takeAll(place.job.order);
      this.workedOn(place.job, { runs: [], failure: { kind: 'refused', reason } });
    }
    this.fill();
  }

  /** P1. */
  private workedOn(job: Job, { runs, failure }: WorkerAnswer): void {
    job.working -= 1;
    job.runs = [...job.runs, ...runs];
    // What a thread took with it, `refused`, is lost: another try would not tell what was counted.
    if (job.failure === undefined || failure?.kind === 'refused') job.failure = failure ?? job.failure;
    if (job.working > 0) return;
    this.running.delete(job);
    job.resolve({ runs: job.runs, ...(job.failure === undefined ? {} : { failure: job.failure }) });
  }

  /** P3. */
  private drop(job: Job): void {
    const queued = this.queue.indexOf(job);
    if (queued >= 0) this.queue.splice(queued, 1);
    this.running.delete(job);
    for (const place of [...this.places]) {
      if (place.job !== job) continue;
      this.places.delete(place);
      void place.thread.terminate();
    }
    this.fill();
  }
}
