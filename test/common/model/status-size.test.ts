// Proves the limits of a status: what is too large is found by its wire name, a status within them fits every message, and an end stays an end.

import { agentId, containerId, executorId, frameworkId, taskId } from '../../../common/model/ids';
import { endInPlaceOf, findOversizedPart, statusBytes, statusDataBytesMax, statusMessageBytesMax, statusPartBytesMax } from '../../../common/model/status-size';
import type { TaskStatus } from '../../../common/model/task-status';
import { agentMessage } from '../../../proto/agent-codec';
import { wireType } from '../../../proto/loader';
import { messageBytesMax } from '../../../proto/stream-link';

function aStatus(change: Partial<TaskStatus> = {}): TaskStatus {
  return { taskId: taskId('t'), state: 'TASK_FINISHED', uuid: 'a'.repeat(32), agentId: agentId('a'), executorId: executorId('e'), labels: [], ...change };
}

test('the largest status that is taken fits the agent’s message with room to spare, and is metered about as long as it is', () => {
  const status = aStatus({
    data: new Uint8Array(statusDataBytesMax),
    message: 'm'.repeat(statusMessageBytesMax),
    labels: [{ key: 'k'.repeat(statusPartBytesMax - 24) }],
    containerStatus: { containerId: containerId('c'), networkInfos: [{ name: 'n'.repeat(statusPartBytesMax - 100), groups: [], labels: [], ipAddresses: [], portMappings: [] }] },
  });
  expect(findOversizedPart(status)).toBeUndefined();
  const encoded = wireType('agent', 'AgentMessage').serialize(agentMessage.encode({ kind: 'status-update', frameworkId: frameworkId('f'), status, latestState: status.state }));
  expect(encoded.length).toBeLessThan(messageBytesMax / 4);
  expect(Math.abs(statusBytes(status) - encoded.length)).toBeLessThan(1_000);
});

test.each<[field: string, change: Partial<TaskStatus>]>([
  ['data', { data: new Uint8Array(statusDataBytesMax + 1) }],
  ['message', { message: 'm'.repeat(statusMessageBytesMax + 1) }],
  ['labels', { labels: [{ key: 'k', value: 'v'.repeat(statusPartBytesMax) }] }],
])('%s beyond its limit is named', (field, change) => {
  expect(findOversizedPart(aStatus(change))).toMatchObject({ field });
});

test.each<[state: TaskStatus['state'], instead: TaskStatus['state'] | undefined]>([
  ['TASK_FINISHED', 'TASK_FAILED'],
  ['TASK_KILLED', 'TASK_KILLED'],
  ['TASK_RUNNING', undefined],
])('in place of a %s that is too large comes %s, which is not too large', (state, instead) => {
  const status = aStatus({ state, data: new Uint8Array(statusDataBytesMax + 1), message: 'm'.repeat(statusMessageBytesMax + 1) });
  const part = findOversizedPart(status);
  const end = part === undefined ? undefined : endInPlaceOf(status, part);
  expect(end?.state).toBe(instead);
  expect(end === undefined ? undefined : findOversizedPart(end)).toBeUndefined();
});
