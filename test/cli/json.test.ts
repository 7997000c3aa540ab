// JSON for programs (J1): times are text, resources are Mesos JSON, amounts are in units, keys need no key to be read.

import { formatJson } from '../../cli/json';
import { Resources } from '../../common/model/resources';

test('times, resources and amounts are what a script expects', () => {
  const value = {
    id: 'a',
    startedAtMs: 0,
    unreachableSinceMs: 1_000,
    ageMs: 1.5,
    resources: Resources.ofQuantities(new Map([['cpus', 500]])),
    allocated: new Map([['mem', 32_500]]),
    list: [{ endedAtMs: undefined }],
    nothing: null,
  };
  expect(JSON.parse(formatJson(value))).toEqual({
    id: 'a',
    startedAt: '1970-01-01T00:00:00.000Z',
    unreachableSince: '1970-01-01T00:00:01.000Z',
    ageMs: 1.5,
    resources: [expect.objectContaining({ name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } })],
    allocated: { mem: 32.5 },
    list: [{}],
    nothing: null,
  });
  expect(formatJson([])).toBe('[]\n');
});
