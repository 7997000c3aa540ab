// Leadership checker: at most one master acts, and only the one that holds the key.
//
// Owns:      the promise "a master that says anything to a peer holds the leader key at that very moment".
// Elsewhere: how masters prove it to themselves (master/).
// Source: DESIGN, "What the simulation asserts".

import type { ClusterSight, SimulatedEtcd } from '../../frameworks/sdk/testing';
import { isMaster, Violation, type Checker } from './violation';

export class LeadershipChecker implements Checker {
  constructor(private readonly etcd: () => SimulatedEtcd) {}

  see(sight: ClusterSight): void {
    if (sight.source !== 'network' || sight.sight.kind !== 'sent') return;
    const { from, to, service } = sight.sight;
    if (!isMaster(from)) return;
    const holder = this.etcd().leader();
    if (holder?.startsWith(`${from}:`) === true) return;
    throw new Violation('At most one master acts, with a valid fence', `${from} spoke to ${to} (${service}) while the leader key was with ${holder ?? 'nobody'}`);
  }
}
