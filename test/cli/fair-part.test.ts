// H1: several agents on one machine offer no more than it has, and no port twice.

import fc from 'fast-check';

import { offeredDiskMb, offeredMemoryMb } from '../../agent/detection';
import { fairPart } from '../../cli/fair-part';
import { parseResourceText } from '../../common/model/resource-text';
import { Resources } from '../../common/model/resources';

function parsed(text: string): Resources {
  const resources = parseResourceText(text, 'part');
  if (!resources.ok) throw new Error(text);
  return Resources.of(resources.value);
}

test('the parts of any machine are parts of that machine, with ports of their own', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 256 }), fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 100 }), (cpuCount, bytes, count) => {
      const machine = { cpuCount, memoryBytes: bytes, diskBytes: bytes, architecture: 'arm64', operatingSystem: 'linux' };
      const parts = Array.from({ length: count }, (_unused, index) => parsed(fairPart(machine, index, count)));
      const total = Resources.sum(parts);
      const whole = parsed(`cpus:${cpuCount};mem:${offeredMemoryMb(bytes)};disk:${offeredDiskMb(bytes)};ports:[31000-32000]`);
      expect(whole.contains(total)).toBe(true);
      // Ranges merge when they are added: had two parts a port in common, some would be missing from the sum.
      const portCount = (resources: Resources): number => [...resources].flatMap(({ value }) => (value.kind === 'ranges' ? value.ranges : [])).reduce((sum, { begin, end }) => sum + end - begin + 1, 0);
      expect(portCount(total)).toBe(parts.reduce((sum, part) => sum + portCount(part), 0));
    }),
    { numRuns: 50 },
  );
});

test('two cores make three agents of six tenths', () => {
  const machine = { cpuCount: 2, memoryBytes: 4 * 2 ** 30, diskBytes: 100 * 2 ** 30, architecture: 'arm64', operatingSystem: 'linux' };
  expect(fairPart(machine, 2, 3)).toBe('cpus:0.6;mem:1024;disk:32426;ports:[31666-31998]');
});
