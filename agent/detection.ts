// Detection: what this machine has, for the names that the operator did not declare.
//
// Owns:      measuring cpus, memory, disk; the default port range; the attributes that every agent carries.
// Elsewhere: the grammar of --resources and --attributes (common/model/resource-text.ts, attribute-text.ts), flags (main.ts).
// Invariants:
//   D1. A name that appears in --resources is never detected, also when its amount is 0 (`cpus:0` means none).
// Source: Mesos agent auto-detection (reference, section 13.2): what the system itself needs is left out of mem and disk.

import { statfsSync } from 'node:fs';
import * as os from 'node:os';
import type { Attribute } from '../common/model/agent';
import { Resources, type Resource, type ResourceValue } from '../common/model/resources';

/** What was measured; separate, so that the arithmetic can be tested with any machine. */
export interface MachineFacts {
  readonly cpuCount: number;
  readonly memoryBytes: number;
  /** Size of the file system that holds the work directory. */
  readonly diskBytes: number;
  /** e.g. `x64`, `arm64`, `arm`. */
  readonly architecture: string;
  /** e.g. `linux`. */
  readonly operatingSystem: string;
}

export function measureMachine(workDir: string): MachineFacts {
  const disk = statfsSync(workDir);
  return {
    // What this process may use: a container or taskset may have less than the board.
    cpuCount: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    diskBytes: disk.blocks * disk.bsize,
    architecture: os.arch(),
    operatingSystem: os.platform(),
  };
}

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** All but 1 GiB of memory from 2 GiB on, else half; whole MB. Source: Mesos. */
export function offeredMemoryMb(totalBytes: number): number {
  return Math.floor((totalBytes >= 2 * gibibyte ? totalBytes - gibibyte : totalBytes / 2) / mebibyte);
}

/** All but 5 GiB of disk from 10 GiB on, else half; whole MB. Source: Mesos. */
export function offeredDiskMb(totalBytes: number): number {
  return Math.floor((totalBytes >= 10 * gibibyte ? totalBytes - 5 * gibibyte : totalBytes / 2) / mebibyte);
}

/** Source: Mesos. */
const defaultPorts = { begin: 31_000, end: 32_000 };

/**
 * The agent's total: what was declared, and what was measured for every standard name that the declaration does not mention (D1).
 * `declaredNames` holds also the names declared with an empty amount, which `declared` cannot show.
 */
export function totalResources(declared: Resources, declaredNames: ReadonlySet<string>, machine: MachineFacts): Resources {
  const detected: readonly (readonly [name: string, value: ResourceValue])[] = [
    ['cpus', { kind: 'scalar', milli: machine.cpuCount * 1_000 }],
    ['mem', { kind: 'scalar', milli: offeredMemoryMb(machine.memoryBytes) * 1_000 }],
    ['disk', { kind: 'scalar', milli: offeredDiskMb(machine.diskBytes) * 1_000 }],
    ['ports', { kind: 'ranges', ranges: [defaultPorts] }],
  ];
  const added: Resource[] = detected
    .filter(([name]) => !declaredNames.has(name))
    .map(([name, value]) => ({ name, value, reservations: [], revocable: false, shared: false }));
  return declared.plus(Resources.of(added));
}

/** `arch` and `os`, unless declared: schedulers that ship programs need them. Ours. */
export function totalAttributes(declared: readonly Attribute[], machine: MachineFacts): readonly Attribute[] {
  const names = new Set(declared.map((attribute) => attribute.name));
  const detected: readonly Attribute[] = [
    { name: 'arch', kind: 'text', text: machine.architecture },
    { name: 'os', kind: 'text', text: machine.operatingSystem },
  ];
  return [...declared, ...detected.filter((attribute) => !names.has(attribute.name))];
}
