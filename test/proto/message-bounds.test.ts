// Proves that the largest that the cores pass on crosses a real link, with its neighbours in the same turn, and that the session goes on (S2 of
// message-size.ts).

import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import { agentId, executorId, frameworkId, taskId } from '../../common/model/ids';
import { frameworkInfoBytesMax, messageDataBytesMax, reportPartBytesMax, sizeOf, taskInfoBytesMax } from '../../common/model/message-size';
import { Resources } from '../../common/model/resources';
import { statusDataBytesMax, statusMessageBytesMax, statusPartBytesMax } from '../../common/model/status-size';
import type { TaskInfo } from '../../common/model/task';
import type { TaskStatus } from '../../common/model/task-status';
import type { Link } from '../../common/ports';
import { RpcServer } from '../../proto/grpc-channel';
import { agentDialer, serveAgents } from '../../proto/grpc-link';
import { countingEnvironment, LinkProbe } from './link-probe';

const environment = countingEnvironment();
const longest = 'i'.repeat(255);
const framework = { user: '', name: 'f', roles: ['*'], capabilities: [], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map(), id: frameworkId(longest) };
const task: TaskInfo = { name: 't', taskId: taskId(longest), agentId: agentId(longest), resources: Resources.empty, limits: new Map(), labels: [] };
const status: TaskStatus = {
  ...{ taskId: taskId(longest), state: 'TASK_FINISHED', uuid: '0'.repeat(32), data: new Uint8Array(statusDataBytesMax), message: 'x'.repeat(statusMessageBytesMax) },
  labels: [{ key: 'x'.repeat(statusPartBytesMax) }],
};

/** With as much in it as the bound allows. */
function filled<T extends object>(value: T, bytesMax: number): T & { readonly data: Uint8Array } {
  const empty = { ...value, data: new Uint8Array() };
  return { ...empty, data: new Uint8Array(bytesMax - sizeOf(empty)) };
}

test('the largest tasks, messages and updates pass between a master and an agent', async () => {
  const server = new RpcServer(environment.clock);
  const onMaster = new LinkProbe<AgentMessage>();
  let toAgent: Link<MasterMessage> | undefined;
  serveAgents(server, (link) => {
    toAgent = link;
    onMaster.wake();
    return onMaster;
  });
  const port = await server.listen('127.0.0.1:0');
  const onAgent = new LinkProbe<MasterMessage>();
  const toMaster = agentDialer(environment).dial(`127.0.0.1:${port}`, onAgent);
  await onMaster.until(() => toAgent !== undefined);

  const info = { ...framework, labels: [{ key: 'x'.repeat(frameworkInfoBytesMax - sizeOf(framework) - 50) }] };
  expect(sizeOf(info)).toBeLessThanOrEqual(frameworkInfoBytesMax);
  const runTask: MasterMessage = { kind: 'run-task', framework: info, task: filled(task, taskInfoBytesMax), launchExecutor: false };
  const ids = { frameworkId: frameworkId(longest), executorId: executorId(longest) };
  toAgent?.send([runTask, runTask, { kind: 'framework-message', ...ids, data: new Uint8Array(messageDataBytesMax) }]);
  expect((await onAgent.count(3)).map(({ kind }) => kind)).toEqual(['run-task', 'run-task', 'framework-message']);

  const update: AgentMessage = { kind: 'status-update', frameworkId: frameworkId(longest), status, latestState: 'TASK_FINISHED' };
  toMaster.send([update, update, { kind: 'framework-message', ...ids, data: new Uint8Array(messageDataBytesMax) }]);
  expect((await onMaster.count(3)).map(({ kind }) => kind)).toEqual(['status-update', 'status-update', 'framework-message']);
  const executor = filled({ executorId: executorId(longest), resources: Resources.empty, labels: [] }, taskInfoBytesMax);
  const count = Math.ceil(reportPartBytesMax / taskInfoBytesMax);
  toMaster.send([{ kind: 'report-part', tasks: [], executors: Array.from({ length: count }, () => ({ frameworkId: frameworkId(longest), executor })), frameworks: [info] }]);
  expect((await onMaster.count(4)).at(-1)).toMatchObject({ kind: 'report-part' });
  expect([onMaster.ends, onAgent.ends]).toEqual([[], []]);
  toMaster.close();
  await server.close(0);
});
