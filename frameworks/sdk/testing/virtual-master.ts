// A virtual master: the real master node on simulated ports.
//
// Owns:      the lives of one master, and the configuration that tests get unless they say otherwise.
// Elsewhere: everything it does (master/).
// Source: defaults as documented at MasterConfig.

import { createDrfAllocator } from '../../../allocator/drf-allocator';
import type { MasterConfig } from '../../../master/core/master-step';
import { MasterNode } from '../../../master/master-node';
import { checking, VirtualProcess, type VirtualWorld } from './virtual-process';

export const virtualMasterConfig: MasterConfig = {
  clusterName: 'virtual',
  allocationIntervalMs: 1_000,
  allocationEventDelayMs: 5,
  minAllocatable: [new Map([['cpus', 10]]), new Map([['mem', 32_000]])],
  regexProgramSizeMax: 100,
  offerTimeoutMs: 5 * 60_000,
  agentTimeoutMs: 75_000,
  agentReregisterTimeoutMs: 10 * 60_000,
  launchTimeoutMs: 5 * 60_000,
  heartbeatIntervalMs: 5_000,
  completedFrameworkCountMax: 50,
  completedTaskCountMax: 1_000,
  unreachableTaskCountMax: 1_000,
  operatorTimeoutMs: 10_000,
};

export class VirtualMaster {
  readonly host: string;
  /** Where agents and schedulers dial. */
  readonly address: string;
  readonly process: VirtualProcess;
  private running: MasterNode | undefined;

  constructor(
    index: number,
    private readonly world: VirtualWorld,
    private readonly config: MasterConfig,
  ) {
    this.host = `master-${index}`;
    this.address = `${this.host}:5050`;
    this.process = new VirtualProcess(this.host, world);
  }

  get isAlive(): boolean {
    return this.process.isAlive;
  }

  get isLeading(): boolean {
    return this.running?.health.role === 'leading';
  }

  /** The node of the present life. */
  get node(): MasterNode | undefined {
    return this.running;
  }

  start(): void {
    const { etcd, network } = this.world;
    const { clock, environment, log } = this.process.begin();
    const { election, registry } = etcd.ports(this.host, clock);
    const node = new MasterNode({
      config: this.config,
      environment,
      election,
      registry,
      registryName: 'simulated',
      allocatorFactory: createDrfAllocator,
      address: this.address,
      version: 'virtual',
      log,
    });
    this.running = node;
    network.listen(this.host, this.address, 'schedulers', checking(node.acceptScheduler));
    network.listen(this.host, this.address, 'agents', node.acceptAgent);
    node.start();
  }

  /** As by `kill -9`. */
  kill(): void {
    this.process.end();
    this.running = undefined;
  }

  /** In order: it resigns first, so that another may lead at once. */
  stop(): void {
    const { running } = this;
    running?.stop(() => {
      if (this.running === running) this.kill();
    });
  }
}
