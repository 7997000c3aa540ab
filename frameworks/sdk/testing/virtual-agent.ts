// A virtual agent: the real agent node on a simulated machine.
//
// Owns:      one machine with its disk and containers, the lives of the agent on it, and the executors that run in its containers.
// Elsewhere: everything the agent does (agent/), what executors do (the SDK's executor driver and its author).
// Invariants:
//   W1. The disk and the containers outlive the agent's process; the containers die with the machine, the disk does not.
// Source: defaults as documented at AgentConfig.

import { AgentNode, type AgentExit } from '../../../agent/agent-node';
import type { AgentConfig } from '../../../agent/core/agent-step';
import { knownContainers } from '../../../agent/core/recovery';
import { staticAddresses } from '../../../common/leader-session';
import { parseAttributeText } from '../../../common/model/attribute-text';
import type { CheckpointRecord } from '../../../common/model/checkpoint-record';
import type { ContainerSpec } from '../../../agent/core/agent-step';
import { parseResourceText } from '../../../common/model/resource-text';
import { Resources } from '../../../common/model/resources';
import { describeRefusal, type Checked } from '../../../common/refusal';
import type { ExecutorConnection } from '../executor-driver';
import { readExecutorEnvironment, type ExecutorIdentity } from '../executor-environment';
import { TaskRunner, type TaskRunnerOptions } from '../task-runner';
import { SeededIds } from './seeded-random';
import { SimulatedDisk } from './simulated-checkpoint';
import { SimulatedMachine, type SimulatedProcess, type SimulatedProgram } from './simulated-containers';
import { checking, VirtualProcess, type VirtualWorld } from './virtual-process';

export type VirtualAgentConfig = Omit<AgentConfig, 'info' | 'executorEnvironment'>;

export const virtualAgentConfig: VirtualAgentConfig = {
  version: 'virtual',
  executorRegistrationTimeoutMs: 60_000,
  executorReregistrationTimeoutMs: 2_000,
  executorShutdownGracePeriodMs: 5_000,
  killGracePeriodMs: 3_000,
  updateRetryIntervalMs: 10_000,
  updateRetryIntervalMaxMs: 10 * 60_000,
  sandboxRetentionMs: 7 * 24 * 3_600_000,
  completedExecutorCountMax: 150,
};

export interface VirtualAgentOptions {
  /** As `--resources`. Default `cpus:4;mem:4096;disk:10240;ports:[31000-32000]`. */
  readonly resources?: string;
  /** As `--attributes`, e.g. `rack:r2`. Default none. */
  readonly attributes?: string;
}

/** The world as an executor's process sees it. */
export interface VirtualExecutorProcess {
  readonly identity: ExecutorIdentity;
  readonly connection: ExecutorConnection;
  /** The container itself: its variables, its output, its end. */
  readonly container: SimulatedProcess;
}

/** An executor's `main`. */
export type VirtualExecutor = (process: VirtualExecutorProcess) => void;

/** The executor that `options` describe: the same that the SDK runs in a real container. */
export function virtualTaskRunner(options: TaskRunnerOptions): VirtualExecutor {
  return ({ identity, connection, container }) => {
    const runner = new TaskRunner(options, identity, connection);
    runner.whenEnded((end) => container.exit({ status: end.kind === 'closed' ? 0 : 1 }));
    runner.start();
  };
}

export interface VirtualAgentSights {
  readonly container?: (agent: VirtualAgent, sight: { readonly kind: 'started' | 'ended'; readonly spec: ContainerSpec }) => void;
  readonly record?: (agent: VirtualAgent, record: CheckpointRecord) => void;
}

export class VirtualAgent {
  readonly host: string;
  readonly process: VirtualProcess;
  readonly machine: SimulatedMachine;
  readonly disk: SimulatedDisk;
  /** How the last life ended, if by itself. */
  exit: AgentExit | undefined;
  private readonly config: AgentConfig;
  private readonly socket: string;

  constructor(
    index: number,
    private readonly world: VirtualWorld,
    private readonly masters: readonly string[],
    config: VirtualAgentConfig,
    options: VirtualAgentOptions,
    programs: ReadonlyMap<string, SimulatedProgram>,
    executors: ReadonlyMap<string, VirtualExecutor>,
    sights: VirtualAgentSights,
  ) {
    this.host = `agent-${index}`;
    this.socket = `${this.host}/executors`;
    this.process = new VirtualProcess(this.host, world);
    const random = world.random.stream(`${this.host}/machine`);
    this.machine = new SimulatedMachine({
      clock: world.clock,
      random,
      programs: new Map([...programs, ...[...executors].map(([name, run]) => [name, this.hosting(run)] as const)]),
      observe: (sight) => sights.container?.(this, sight),
    });
    this.disk = new SimulatedDisk(world.random.stream(`${this.host}/disk`), (record) => sights.record?.(this, record));
    this.config = {
      ...config,
      info: {
        hostname: this.host,
        port: 0,
        resources: Resources.of(valueOf(parseResourceText(options.resources ?? 'cpus:4;mem:4096;disk:10240;ports:[31000-32000]', 'resources'))),
        attributes: valueOf(parseAttributeText(options.attributes ?? '', 'attributes')),
      },
      executorEnvironment: new Map([['ALLOT_AGENT_SOCKET', this.socket]]),
    };
  }

  get isAlive(): boolean {
    return this.process.isAlive;
  }

  /** Everything it has, as its operator declared. */
  get total(): Resources {
    return this.config.info.resources;
  }

  start(): void {
    const { network } = this.world;
    const { clock, environment, log } = this.process.begin();
    const records = this.disk.records();
    this.exit = undefined;
    this.machine.endOrphans(knownContainers(records));
    const node = new AgentNode({
      config: this.config,
      environment,
      dialer: network.dialer(this.host, 'agents'),
      addresses: staticAddresses(this.masters),
      containerizer: this.machine.containerizer(clock),
      checkpoint: this.disk.store(clock),
      records,
      log,
      onExit: (exit) => {
        this.exit = exit;
        this.kill();
      },
    });
    this.node = node;
    network.listen(this.host, this.socket, 'executors', checking(node.acceptExecutor));
    node.start();
  }

  /** The node of the present life. */
  node: AgentNode | undefined;

  /** The agent's process, as by `kill -9`; its containers go on. */
  kill(): void {
    this.process.end();
    this.machine.agentCrashed();
    this.disk.crash();
    this.node = undefined;
  }

  /** The whole machine, as by a lost power cord. */
  crashMachine(): void {
    this.process.end(true);
    this.machine.crash();
    this.disk.crash(true);
    this.node = undefined;
  }

  /** A program that runs an executor in the container, on a host of its own. */
  private hosting(run: VirtualExecutor): SimulatedProgram {
    return (container) => {
      const { network, random, log } = this.world;
      const host = `${this.host}/${container.spec.containerId}`;
      const own = random.stream(host);
      const identity = readExecutorEnvironment(Object.fromEntries(container.spec.environment));
      if (!identity.ok) {
        container.print(`${describeRefusal(identity.refusal)}\n`);
        container.exit({ status: 1 });
        return;
      }
      container.onEnd(() => network.crash(host));
      const connection: ExecutorConnection = {
        environment: { clock: container.clock, random: own, ids: new SeededIds(own.stream('ids')) },
        dialer: network.dialer(host, 'executors'),
        address: identity.value.socket,
        log: log.of(host),
      };
      run({ identity: identity.value, connection, container });
    };
  }
}

function valueOf<T>(checked: Checked<T>): T {
  if (!checked.ok) throw new TypeError(`Cannot make a virtual agent: ${describeRefusal(checked.refusal)}`);
  return checked.value;
}
