// Proves that a refusal of what is too large names the part that is to blame. What is counted: test/proto/message-size.test.ts.

import { isAllotError } from '../../../common/errors';
import { messageDataBytesMax, taskInfoBytesMax } from '../../../common/model/message-size';
import { checkDataSize, checkMessageSize } from '../../../frameworks/sdk/message-size';

test.each<[field: string, make: () => unknown]>([
  ['task.data', () => checkMessageSize({ name: 't', data: new Uint8Array(taskInfoBytesMax) }, 'task', taskInfoBytesMax)],
  ['task.executor', () => checkMessageSize({ name: 't', executor: { labels: [{ key: 'k', value: 'v'.repeat(taskInfoBytesMax) }] } }, 'task', taskInfoBytesMax)],
  ['data', () => checkDataSize(new Uint8Array(messageDataBytesMax + 1))],
])('what is too large is refused by the name of its largest part: %s', (field, make) => {
  try {
    make();
  } catch (error) {
    if (isAllotError(error, 'INPUT_REFUSED')) return expect(error.data.refusal).toMatchObject({ field, expected: 'at most 1048576 bytes' });
    throw error;
  }
  throw new Error('It was not refused');
});
