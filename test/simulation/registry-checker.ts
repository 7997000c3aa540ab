// Registry checker: what was acknowledged is there for every later leader, and nobody is told of what is not durable.
//
// Owns:      the promises "each acknowledged write is in every later load" and "an agent that was told it is admitted, and a task that was told to be
//            unreachable, are so in the registry at that moment".
// Elsewhere: the order of persisting and sending (master/, common/effect-outbox.ts).
// Source: DESIGN, "What the simulation asserts".

import type { MasterMessage } from '../../common/model/agent-protocol';
import type { SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { ClusterSight, EtcdSight, SimulatedEtcd } from '../../frameworks/sdk/testing';
import { decodeRegistryFact } from '../../proto/registry-codec';
import { isMaster, Violation, type Checker } from './violation';

const noted = 'Each acknowledged registry write is seen by every later leader';
const durable = 'Nobody is told of what is not durable';

type EtcdWrites = Extract<EtcdSight, { kind: 'applied' }>['writes'];

export class RegistryChecker implements Checker {
  /** What each key must hold: after its newest acknowledged write; `maybe`: a write was applied after it that nobody was told of. */
  private readonly expected = new Map<string, { readonly value: Uint8Array | undefined; maybe: boolean }>();
  /** The newest write applied to each key. A writer that was stalled may hear of its own only after another term has written. */
  private readonly newest = new Map<string, EtcdWrites>();

  constructor(private readonly etcd: () => SimulatedEtcd) {}

  see(sight: ClusterSight): void {
    if (sight.source === 'etcd') this.onEtcd(sight.sight);
    else if (sight.source === 'network' && sight.sight.kind === 'sent' && isMaster(sight.sight.from)) {
      if (sight.sight.service === 'agents') for (const message of sight.sight.messages as readonly MasterMessage[]) this.toAgent(message);
      if (sight.sight.service === 'schedulers') for (const event of sight.sight.messages as readonly SchedulerEvent[]) this.toScheduler(event);
    }
  }

  private onEtcd(sight: EtcdSight): void {
    if (sight.kind === 'applied') {
      for (const { key } of sight.writes) {
        this.newest.set(key, sight.writes);
        const expected = this.expected.get(key);
        if (expected) expected.maybe = true;
      }
    } else if (sight.kind === 'acknowledged') {
      for (const write of sight.writes) {
        if (this.newest.get(write.key) === sight.writes) this.expected.set(write.key, { value: write.kind === 'put' ? write.value : undefined, maybe: false });
      }
    } else if (sight.kind === 'loaded') {
      const loaded = new Map(sight.entries.map(({ key, value }) => [key, value]));
      for (const [key, { value, maybe }] of this.expected) {
        if (!maybe && loaded.get(key) !== value) throw new Violation(noted, `epoch ${sight.epoch} was given something else for ${key}`);
      }
    }
  }

  private toAgent(message: MasterMessage): void {
    if (message.kind !== 'registered' && message.kind !== 'reregistered') return;
    if (this.stateOf(message.agentId) !== 'admitted') throw new Violation(durable, `${message.agentId} was told ${message.kind}, and in the registry it is ${this.stateOf(message.agentId)}`);
  }

  private toScheduler(event: SchedulerEvent): void {
    if (event.kind !== 'update') return;
    const { state, agentId, taskId, reason } = event.status;
    if (state !== 'TASK_UNREACHABLE' || agentId === undefined || reason === 'REASON_RECONCILIATION') return;
    if (this.stateOf(agentId) === 'admitted') throw new Violation(durable, `${taskId} was told to be unreachable while ${agentId} is admitted in the registry`);
  }

  private stateOf(agentId: string): string {
    const key = `agents/${agentId}`;
    const value = this.etcd().contents().get(key);
    if (value === undefined) return 'absent';
    const fact = decodeRegistryFact(key, value);
    return fact.ok && fact.value.kind === 'agent' ? fact.value.state : 'unreadable';
  }
}
