// Proves the status update manager: one update under way per task, in order, retried ever less often, until acknowledged (U1 to U5), and
// never more under way than a link bears (update-window.ts, W1 and W2).

import { acknowledgedCountMax, StatusUpdateManager, type PendingUpdate, type UpdateStream } from '../../../agent/core/status-update-manager';
import { frameworkWindowBytesMax, windowBytesMax } from '../../../agent/core/update-window';
import { frameworkId, taskId } from '../../../common/model/ids';
import { statusDataBytesMax } from '../../../common/model/status-size';
import type { TaskState } from '../../../common/model/task-status';
import { theFrameworkId } from './agent-harness';

const t = taskId('t');

function make(): { manager: StatusUpdateManager; forwarded: string[]; timers: Map<UpdateStream, number> } {
  const forwarded: string[] = [];
  const timers = new Map<UpdateStream, number>();
  const manager = new StatusUpdateManager(
    { updateRetryIntervalMs: 10_000, updateRetryIntervalMaxMs: 35_000 },
    {
      forward: (_frameworkId, status, latestState) => forwarded.push(`${status.uuid} ${status.state} of ${latestState}`),
      setDeadline: (stream, delayMs) => timers.set(stream, delayMs),
      clearDeadline: (stream) => timers.delete(stream),
    },
  );
  manager.resume();
  return { manager, forwarded, timers };
}

const update = (uuid: string, state: TaskState): PendingUpdate => ({ taskId: t, state, uuid, labels: [] });

test('the next update leaves when the one before is acknowledged, and each tells the newest state', () => {
  const { manager, forwarded } = make();
  manager.add(theFrameworkId, update('1', 'TASK_STARTING'));
  manager.add(theFrameworkId, update('2', 'TASK_RUNNING'));
  manager.add(theFrameworkId, update('3', 'TASK_FINISHED'));
  expect(forwarded).toEqual(['1 TASK_STARTING of TASK_STARTING']);
  manager.acknowledge(theFrameworkId, t, '1');
  manager.acknowledge(theFrameworkId, t, '2');
  expect(forwarded.slice(1)).toEqual(['2 TASK_RUNNING of TASK_FINISHED', '3 TASK_FINISHED of TASK_FINISHED']);
});

test('retries wait twice as long each time, up to the maximum, and an acknowledgement starts afresh', () => {
  const { manager, timers } = make();
  manager.add(theFrameworkId, update('1', 'TASK_RUNNING'));
  manager.add(theFrameworkId, update('2', 'TASK_FINISHED'));
  const [stream] = [...timers.keys()];
  const intervals = [timers.get(stream!)];
  for (let count = 0; count < 3; count += 1) {
    manager.retry(stream!);
    intervals.push(timers.get(stream!));
  }
  expect(intervals).toEqual([10_000, 20_000, 35_000, 35_000]);
  manager.acknowledge(theFrameworkId, t, '1');
  expect(timers.get(stream!)).toBe(10_000);
});

test.each<[claim: string, taskId: string, uuid: string]>([
  ['for another uuid than the head’s', 't', '2'],
  ['for a task without updates', 'u', '1'],
])('an acknowledgement %s is ignored', (_claim, id, uuid) => {
  const { manager, forwarded } = make();
  manager.add(theFrameworkId, update('1', 'TASK_RUNNING'));
  manager.add(theFrameworkId, update('2', 'TASK_FINISHED'));
  expect(manager.acknowledge(theFrameworkId, taskId(id), uuid)).toMatchObject({ kind: 'ignored' });
  expect(forwarded).toHaveLength(1);
});

test('the acknowledgement of the end closes the stream and leaves nothing behind', () => {
  const { manager, timers } = make();
  manager.add(theFrameworkId, update('1', 'TASK_FINISHED'));
  expect(manager.acknowledge(theFrameworkId, t, '1')).toEqual({ kind: 'acknowledged', isTerminal: true });
  expect([manager.has(theFrameworkId, t), manager.hasFramework(theFrameworkId), timers.size]).toEqual([false, false, 0]);
});

test('nothing enters after an end, nor twice', () => {
  const { manager } = make();
  expect(manager.add(theFrameworkId, update('1', 'TASK_RUNNING')).kind).toBe('added');
  manager.acknowledge(theFrameworkId, t, '1');
  expect(manager.add(theFrameworkId, update('1', 'TASK_RUNNING')).kind).toBe('duplicate');
  expect(manager.add(theFrameworkId, update('2', 'TASK_FAILED')).kind).toBe('added');
  expect(manager.add(theFrameworkId, update('3', 'TASK_FINISHED')).kind).toBe('late');
});

test('while paused nothing leaves and no timer runs; resuming sends every head', () => {
  const { manager, forwarded, timers } = make();
  manager.add(theFrameworkId, update('1', 'TASK_RUNNING'));
  manager.pause();
  expect(timers.size).toBe(0);
  manager.acknowledge(theFrameworkId, t, '1');
  manager.add(theFrameworkId, update('2', 'TASK_FINISHED'));
  expect(forwarded).toHaveLength(1);
  manager.resume();
  expect(forwarded).toEqual(['1 TASK_RUNNING of TASK_RUNNING', '2 TASK_FINISHED of TASK_FINISHED']);
});

test('a task that reports its health for months does not fill the memory', () => {
  const { manager } = make();
  for (let count = 0; count < 10 * acknowledgedCountMax; count += 1) {
    manager.add(theFrameworkId, update(String(count), 'TASK_RUNNING'));
    manager.acknowledge(theFrameworkId, t, String(count));
  }
  const [stream] = [...manager.all()];
  expect(stream?.acknowledged).toHaveLength(acknowledgedCountMax);
  expect(stream?.uuids.size).toBe(acknowledgedCountMax);
});

/** The end of `task`, with the largest result. */
const result = (task: string): PendingUpdate => ({ taskId: taskId(task), state: 'TASK_FINISHED', uuid: task, labels: [], data: new Uint8Array(statusDataBytesMax) });

test('a hundred large results, all unacknowledged when the agent registers, leave in portions, each when the one before is acknowledged', () => {
  const { manager, forwarded, timers } = make();
  manager.pause();
  const ids = Array.from({ length: 100 }, (_, index) => `t${index}`);
  for (const id of ids) manager.add(theFrameworkId, result(id));
  manager.resume();
  const atOnce = forwarded.length;
  expect(atOnce * statusDataBytesMax).toBeLessThanOrEqual(2 * frameworkWindowBytesMax);
  expect(timers.size).toBe(atOnce);
  for (const [index, id] of ids.entries()) {
    expect(forwarded.length).toBeGreaterThan(index);
    manager.acknowledge(theFrameworkId, taskId(id), id);
    expect(forwarded.length - (index + 1)).toBeLessThanOrEqual(atOnce);
  }
  expect(forwarded.map((line) => line.split(' ')[0])).toEqual(ids);
});

test('many frameworks with large results have together no more under way than a link bears', () => {
  const { manager, forwarded } = make();
  for (let count = 0; count < 100; count += 1) manager.add(frameworkId(`f${count}`), result('t'));
  expect(forwarded.length * statusDataBytesMax).toBeLessThanOrEqual(windowBytesMax + statusDataBytesMax);
});

test('results that nobody acknowledges keep neither another framework waiting, nor each other for longer than their retry', () => {
  const { manager, forwarded, timers } = make();
  for (let count = 0; count < 10; count += 1) manager.add(theFrameworkId, result(`t${count}`));
  const stuck = forwarded.length;
  manager.add(frameworkId('other'), update('o', 'TASK_RUNNING'));
  expect(forwarded.slice(stuck)).toEqual(['o TASK_RUNNING of TASK_RUNNING']);
  for (const stream of [...timers.keys()].filter((one) => one.frameworkId === theFrameworkId)) manager.retry(stream);
  expect(forwarded.slice(stuck + 1).map((line) => line.split(' ')[0])).toEqual(Array.from({ length: stuck }, (_, index) => `t${stuck + index}`));
});

test('a framework that is gone makes room for those that wait', () => {
  const { manager, forwarded } = make();
  for (let count = 0; count < 100; count += 1) manager.add(frameworkId(`f${count}`), result('t'));
  const before = forwarded.length;
  manager.closeFramework(frameworkId('f0'));
  expect(forwarded).toHaveLength(before + 1);
});
