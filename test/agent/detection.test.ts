// Detection: what an agent offers of its machine, by arithmetic that can be checked for any machine.

import { measureMachine, offeredDiskMb, offeredMemoryMb, totalAttributes, totalResources, type MachineFacts } from '../../agent/detection';
import { Resources } from '../../common/model/resources';
import { parseResourceText } from '../../common/model/resource-text';

const gibibyte = 1024 ** 3;
const aPi: MachineFacts = { cpuCount: 4, memoryBytes: 8 * gibibyte, diskBytes: 32 * gibibyte, architecture: 'arm64', operatingSystem: 'linux' };

test.each<[claim: string, actual: number, mb: number]>([
  ['from 2 GiB on, a GiB of memory is left to the system', offeredMemoryMb(2 * gibibyte), 1_024],
  ['below 2 GiB, half of the memory is', offeredMemoryMb(2 * gibibyte - 1024 * 1024), 1_023],
  ['a board with 512 MiB offers 256', offeredMemoryMb(gibibyte / 2), 256],
  ['from 10 GiB on, 5 GiB of disk are left', offeredDiskMb(10 * gibibyte), 5 * 1_024],
  ['below 10 GiB, half of the disk is', offeredDiskMb(8 * gibibyte), 4 * 1_024],
])('%s', (_claim, actual, mb) => {
  expect(actual).toBe(mb);
});

function declare(text: string): readonly [Resources, ReadonlySet<string>] {
  const parsed = parseResourceText(text, '--resources');
  if (!parsed.ok) throw new Error(parsed.refusal.expected);
  return [Resources.of(parsed.value), new Set(parsed.value.map((resource) => resource.name))];
}

test.each<[claim: string, declared: string, total: string]>([
  ['a machine that declares nothing offers what was measured', '', 'cpus:4;disk:27648;mem:7168;ports:[31000-32000]'],
  ['what is declared replaces what was measured, name by name', 'cpus:2;ports:[1-2]', 'cpus:2;disk:27648;mem:7168;ports:[1-2]'],
  ['a name declared as nothing stays nothing', 'cpus:0', 'disk:27648;mem:7168;ports:[31000-32000]'],
  ['a name declared for a role is declared', 'cpus(lab):1', 'cpus(lab):1;disk:27648;mem:7168;ports:[31000-32000]'],
])('%s', (_claim, declared, total) => {
  const [resources, names] = declared === '' ? [Resources.empty, new Set<string>()] : declare(declared);
  expect(totalResources(resources, names, aPi).equals(declare(total)[0])).toBe(true);
});

test('every agent says its architecture and system, unless the operator says otherwise', () => {
  const declared = [{ name: 'arch', kind: 'text', text: 'mine' } as const];
  expect(totalAttributes(declared, aPi)).toEqual([
    { name: 'arch', kind: 'text', text: 'mine' },
    { name: 'os', kind: 'text', text: 'linux' },
  ]);
});

test('this machine can be measured', () => {
  const machine = measureMachine('.');
  expect(machine.cpuCount).toBeGreaterThanOrEqual(1);
  expect(machine.memoryBytes).toBeGreaterThan(0);
  expect(machine.diskBytes).toBeGreaterThan(0);
});
