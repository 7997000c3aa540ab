// Simulated containers of one machine: programs that last virtual time and do as they are told, or not.
//
// Owns:      the containers of one machine over all lives of its agent, and the small set of programs that a command line can name.
// Elsewhere: the port (agent/containerizer.ts), the real one (agent/posix-containerizer.ts), executors (built on the SDK, given as programs).
// Invariants:
//   C1-C3 of agent/containerizer.ts, and:
//   H1. A container outlives its agent's process and dies with the machine. A program's timers stop when its container ends.
// Source: our choice; the command lines are those a reader would guess (`sleep 5`, `exit 3`, `true`, `false`, `ignore-term`).

import type { ContainerHandlers, Containerizer, SandboxRead } from '../../../agent/containerizer';
import type { ContainerExit, ContainerSpec } from '../../../agent/core/agent-step';
import type { ContainerId } from '../../../common/model/ids';
import type { Clock } from '../../../common/ports';
import type { SeededRandom } from './seeded-random';
import type { ClockScope, VirtualClock } from './virtual-clock';

/** What a program sees of its container. */
export interface SimulatedProcess {
  readonly spec: ContainerSpec;
  /** Stops when the container ends. */
  readonly clock: Clock;
  /** Appends to the sandbox's stdout. */
  print(text: string): void;
  /** Ends the container. */
  exit(exit: ContainerExit): void;
  /** Replaces the default reaction to SIGTERM, which is to end by it. */
  onTerminate(handler: () => void): void;
  /** Called when the container ends, however it does: to close what the program opened. */
  onEnd(handler: () => void): void;
}

export type SimulatedProgram = (process: SimulatedProcess) => void;

interface Running {
  readonly spec: ContainerSpec;
  readonly pid: number;
  readonly startedMs: number;
  readonly scope: ClockScope;
  terminate: () => void;
  readonly endings: (() => void)[];
  /** The agent life that watches; undefined while no agent is there. */
  watch: ((exit: ContainerExit) => void) | undefined;
}

export interface SimulatedMachineOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  /** Programs by the first word of the command line; missing ones end with status 127, as in a shell. */
  readonly programs?: ReadonlyMap<string, SimulatedProgram>;
  /** Probability that a launch fails before anything runs. Default 0. */
  readonly launchFailureProbability?: number;
  /** Sees each container begin and end. */
  readonly observe?: (sight: { readonly kind: 'started' | 'ended'; readonly spec: ContainerSpec }) => void;
}

export class SimulatedMachine {
  private readonly running = new Map<ContainerId, Running>();
  /** Launches under way that were destroyed meanwhile. */
  private readonly abandoned = new Set<ContainerId>();
  private readonly ended = new Map<ContainerId, ContainerExit>();
  private readonly output = new Map<ContainerId, string>();
  private nextPid = 100;
  launchFailureProbability: number;

  constructor(private readonly options: SimulatedMachineOptions) {
    this.launchFailureProbability = options.launchFailureProbability ?? 0;
  }

  /** Specs of the containers that run now: for checkers. */
  specs(): readonly ContainerSpec[] {
    return [...this.running.values()].map((container) => container.spec);
  }

  /** The agent's process is gone; containers go on unwatched. */
  agentCrashed(): void {
    for (const container of this.running.values()) container.watch = undefined;
  }

  /** Everything on the machine is gone. */
  crash(): void {
    for (const containerId of [...this.running.keys()]) this.end(containerId, {}, true);
    this.ended.clear();
  }

  /** Before an agent recovers: ends what an earlier life started and left no record of. */
  endOrphans(known: ReadonlySet<ContainerId>): void {
    for (const containerId of [...this.running.keys()]) if (!known.has(containerId)) this.end(containerId, { signal: 'SIGKILL' });
  }

  /** Ends a container from outside, as an operator's `kill -9` would. */
  kill(containerId: ContainerId): void {
    this.end(containerId, { signal: 'SIGKILL' });
  }

  /** The containerizer of one life of the agent; its callbacks run on that life's clock and die with it. */
  containerizer(clock: Clock): Containerizer {
    return {
      launch: (spec, handlers) => this.launch(clock, spec, handlers),
      reattach: (containerId, pid, startedAt, handlers) => {
        const container = this.running.get(containerId);
        if (container && container.pid === pid && startedAt === startedAtOf(pid)) {
          container.watch = (exit) => clock.schedule(0, () => handlers.ended(exit));
          const ageMs = this.options.clock.nowMs() - container.startedMs;
          clock.schedule(0, () => {
            if (this.running.has(containerId)) handlers.found(ageMs);
          });
        } else {
          const exit = this.ended.get(containerId) ?? {};
          clock.schedule(0, () => handlers.ended(exit));
        }
      },
      signal: (containerId, signal) => {
        if (signal === 'SIGKILL') this.options.clock.schedule(0, () => this.end(containerId, { signal }));
        else this.options.clock.schedule(0, () => this.running.get(containerId)?.terminate());
      },
      destroy: (containerId) => {
        if (!this.running.has(containerId)) this.abandoned.add(containerId);
        this.options.clock.schedule(this.options.random.between(0, 5), () => this.end(containerId, { signal: 'SIGKILL' }));
      },
      readSandbox: (containerId, stream, offset, lengthMax, done) => {
        const text = this.output.get(containerId);
        const outcome: SandboxRead = text === undefined ? { ok: false, message: `There is no ${stream} of this task (any more)` } : readPart(stream === 'stdout' ? text : '', offset, lengthMax);
        clock.schedule(0, () => done(outcome));
      },
      removeSandbox: (containerId) => {
        this.output.delete(containerId);
        this.ended.delete(containerId);
      },
      close: () => this.agentCrashed(),
    };
  }

  private launch(clock: Clock, spec: ContainerSpec, handlers: ContainerHandlers): void {
    const { random } = this.options;
    this.abandoned.delete(spec.containerId);
    clock.schedule(random.between(0.5, 10), () => {
      if (this.abandoned.delete(spec.containerId)) {
        handlers.failed('Destroyed while it was being prepared');
        return;
      }
      if (random.chance(this.launchFailureProbability)) {
        handlers.failed('The simulated machine could not start the command');
        return;
      }
      const pid = this.nextPid;
      this.nextPid += 1;
      const container: Running = {
        spec,
        pid,
        startedMs: this.options.clock.nowMs(),
        scope: this.options.clock.scope(),
        terminate: () => this.end(spec.containerId, { signal: 'SIGTERM' }),
        endings: [],
        // C1: after `started`, however short the life.
        watch: (exit) => clock.schedule(1, () => handlers.ended(exit)),
      };
      this.running.set(spec.containerId, container);
      this.output.set(spec.containerId, '');
      this.options.observe?.({ kind: 'started', spec });
      // An agent that dies in between leaves an orphan.
      clock.schedule(random.between(0, 1), () => handlers.started(pid, startedAtOf(pid)));
      const words = (spec.command.value ?? '').split(' ');
      const program = this.options.programs?.get(words[0] ?? '') ?? builtInPrograms.get(words[0] ?? '') ?? notFound;
      program({
        spec,
        clock: container.scope,
        print: (text) => this.output.set(spec.containerId, `${this.output.get(spec.containerId) ?? ''}${text}`),
        exit: (exit) => this.end(spec.containerId, exit),
        onTerminate: (handler) => {
          container.terminate = handler;
        },
        onEnd: (handler) => container.endings.push(handler),
      });
    });
  }

  private end(containerId: ContainerId, exit: ContainerExit, withMachine = false): void {
    const container = this.running.get(containerId);
    if (!container) return;
    this.running.delete(containerId);
    container.scope.stop();
    for (const ending of container.endings) ending();
    this.options.observe?.({ kind: 'ended', spec: container.spec });
    if (withMachine) return;
    this.ended.set(containerId, exit);
    container.watch?.(exit);
  }
}

const startedAtOf = (pid: number): string => `boot+${pid}`;

/** `sleep SECONDS`, `exit STATUS`, `true`, `false`, `echo TEXT`, `ignore-term SECONDS`. */
const builtInPrograms: ReadonlyMap<string, SimulatedProgram> = new Map<string, SimulatedProgram>([
  ['true', (process) => process.clock.schedule(1, () => process.exit({ status: 0 }))],
  ['false', (process) => process.clock.schedule(1, () => process.exit({ status: 1 }))],
  ['exit', (process) => process.clock.schedule(1, () => process.exit({ status: argument(process) }))],
  ['sleep', (process) => process.clock.schedule(argument(process) * 1_000, () => process.exit({ status: 0 }))],
  [
    'echo',
    (process) => {
      process.print(`${(process.spec.command.value ?? '').slice('echo '.length)}\n`);
      process.clock.schedule(1, () => process.exit({ status: 0 }));
    },
  ],
  [
    'ignore-term',
    (process) => {
      process.onTerminate(() => undefined);
      process.clock.schedule(argument(process) * 1_000, () => process.exit({ status: 0 }));
    },
  ],
]);

const notFound: SimulatedProgram = (process) => process.clock.schedule(1, () => process.exit({ status: 127 }));

function argument(process: SimulatedProcess): number {
  return Number((process.spec.command.value ?? '').split(' ')[1] ?? 0);
}

function readPart(text: string, offset: number, lengthMax: number): SandboxRead {
  const bytes = Buffer.from(text, 'utf8');
  const start = offset < 0 ? Math.max(0, bytes.length + offset) : Math.min(offset, bytes.length);
  return { ok: true, offset: start, data: bytes.subarray(start, start + lengthMax), size: bytes.length };
}
