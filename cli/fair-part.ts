// Fair part: what each of several agents on one machine may offer.
//
// Owns:      dividing a machine.
// Elsewhere: measuring it (agent/detection.ts), the processes (local-cluster.ts).
// Invariants:
//   H1. The parts together are no more than a single agent would offer of the same machine; ports are disjoint.
// Source: our choice.

import { offeredDiskMb, offeredMemoryMb, type MachineFacts } from '../agent/detection';

/** Ports of a single agent. Source: Mesos. */
const portsBegin = 31_000;
const portsCount = 1_001;

/** `--resources` of agent `index` (from 0) of `count`: cpus rounded down to tenths, the rest to whole units. */
export function fairPart(machine: MachineFacts, index: number, count: number): string {
  const cpus = Math.floor((machine.cpuCount * 10) / count) / 10;
  const mem = Math.floor(offeredMemoryMb(machine.memoryBytes) / count);
  const disk = Math.floor(offeredDiskMb(machine.diskBytes) / count);
  return `cpus:${cpus};mem:${mem};disk:${disk};${portsPart(index, count)}`;
}

/** `ports:[31000-31332]`: each agent's own, for they share the machine's. */
export function portsPart(index: number, count: number): string {
  const size = Math.floor(portsCount / count);
  const begin = portsBegin + index * size;
  return `ports:[${begin}-${begin + size - 1}]`;
}
