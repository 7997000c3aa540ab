// Proves Z1 of message sizes: whatever is counted is no smaller when it is encoded; and that a refusal names the part that is to blame.

import fc from 'fast-check';

import { isAllotError } from '../../../common/errors';
import { taskId, agentId } from '../../../common/model/ids';
import { bytesOfMessage, checkDataSize, checkMessageSize, dataBytesMax, taskBytesMax } from '../../../frameworks/sdk/message-size';
import { executor, task } from '../../../frameworks/sdk/task-builder';
import { wireType } from '../../../proto/loader';
import { taskInfo, taskStatus } from '../../../proto/vocabulary-codec';
import * as domain from '../../proto/domain-arbitraries';

test('no task and no status is larger on the wire than it was counted', () => {
  const sizeOf = (name: 'TaskInfo' | 'TaskStatus', wire: object): number => wireType('scheduler', name).serialize(wire).length;
  fc.assert(fc.property(domain.taskInfo, (info) => expect(sizeOf('TaskInfo', taskInfo.encode(info))).toBeLessThanOrEqual(bytesOfMessage(info))), { numRuns: 200 });
  fc.assert(fc.property(domain.taskStatus, (status) => expect(sizeOf('TaskStatus', taskStatus.encode(status))).toBeLessThanOrEqual(bytesOfMessage(status))), { numRuns: 200 });
});

test('a large task is counted within a hundredth of what it takes', () => {
  const draft = { ...task({ name: 'ä', data: 'x'.repeat(500_000), executor: executor({ id: 'e', command: 'run', labels: { note: 'ü'.repeat(100_000) } }), resources: 'cpus:1' }), taskId: taskId('t'), agentId: agentId('S1') };
  const bytes = wireType('scheduler', 'TaskInfo').serialize(taskInfo.encode(draft)).length;
  expect(bytesOfMessage(draft) / bytes).toBeLessThan(1.01);
});

test.each<[field: string, make: () => unknown]>([
  ['task.data', () => checkMessageSize({ name: 't', data: new Uint8Array(taskBytesMax) }, 'task', taskBytesMax)],
  ['task.executor', () => checkMessageSize({ name: 't', executor: { labels: [{ key: 'k', value: 'v'.repeat(taskBytesMax) }] } }, 'task', taskBytesMax)],
  ['data', () => checkDataSize(new Uint8Array(dataBytesMax + 1))],
])('what is too large is refused by the name of its largest part: %s', (field, make) => {
  try {
    make();
  } catch (error) {
    if (isAllotError(error, 'INPUT_REFUSED')) return expect(error.data.refusal).toMatchObject({ field, expected: 'at most 1048576 bytes' });
    throw error;
  }
  throw new Error('It was not refused');
});
