// Task validation: every rule of the reference's section 10, with its message.
//
// Proves for each rule that one task which breaks it, and nothing else, is answered with TASK_ERROR and words that name the fault; and that
// the sound neighbours of those tasks are launched.

import type { CommandInfo, ContainerInfo, Secret, Volume } from '../../../common/model/command';
import { executorId, frameworkId, taskId } from '../../../common/model/ids';
import { taskInfoBytesMax } from '../../../common/model/message-size';
import { valueEntryCountMax } from '../../../common/model/resource-check';
import { Resources, type Resource } from '../../../common/model/resources';
import type { CheckInfo, HealthCheck, TaskInfo } from '../../../common/model/task';
import { aCommand, amounts, anExecutor, anExecutorTask, aTask, launch, ScriptedMaster } from './scripted-master';

const agent = 'm-S0';
const task = (over: Partial<TaskInfo> = {}, resources?: string): TaskInfo => aTask('t', agent, resources, over);
const check = (over: Partial<CheckInfo>): TaskInfo => task({ check: { type: 'COMMAND', command: aCommand(), delayMs: 0, intervalMs: 0, timeoutMs: 0, ...over } });
const health = (over: Partial<HealthCheck>): TaskInfo =>
  task({ healthCheck: { type: 'COMMAND', command: aCommand(), delayMs: 0, intervalMs: 0, timeoutMs: 0, gracePeriodMs: 0, consecutiveFailures: 3, ...over } });
const environment = (variable: Partial<CommandInfo['environment'][number]>): TaskInfo => task({ command: aCommand({ environment: [{ name: 'X', type: 'VALUE', ...variable }] }) });
const container = (over: Partial<ContainerInfo>): TaskInfo => task({ container: { type: 'MESOS', volumes: [], networkInfos: [], ...over } });
const volume = (over: Partial<Volume>): TaskInfo => container({ volumes: [{ containerPath: 'data', mode: 'RW', ...over }] });
const docker = { image: 'i', network: 'HOST', portMappings: [], privileged: false, parameters: [], forcePullImage: false } as const;
const limits = (name: string, milli: number, resources = 'cpus:1;mem:128'): TaskInfo => task({ limits: new Map([[name, milli]]) }, resources);
const executor = (over: Parameters<typeof anExecutor>[2], resources?: string): TaskInfo => anExecutorTask('t', agent, anExecutor('e', resources, over));
const secret: Secret = { type: 'VALUE', value: { data: new Uint8Array([1]) } };
const cpus = (over: Partial<Resource>): Resource => ({ name: 'cpus', reservations: [], revocable: false, shared: false, value: { kind: 'scalar', milli: 100 }, ...over });
const without = ({ command: _command, ...rest }: TaskInfo): TaskInfo => rest;

/** An agent with O0 outstanding, on which the task `running` runs under the executor `e`. */
function launched(given: TaskInfo) {
  const master = new ScriptedMaster();
  const registered = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(anExecutorTask('running', agent, anExecutor('busy'), 'cpus:0.1'))]);
  master.skip(1_500);
  scheduler.accept(['O1'], [launch(given)]);
  const isLaunched = registered.launched().some((report) => report.task.name === given.name);
  return { isLaunched, message: scheduler.updates.at(-1)?.message, status: scheduler.updates.at(-1), task: registered.launched().at(-1)?.task };
}

test.each<[rule: string, given: TaskInfo, message: string]>([
  ['1 a malformed id', task({ taskId: 'a/b' as never }), 'Task has an invalid id'],
  ['2 an id in use', task({ taskId: taskId('running') }), 'Task has duplicate ID: "running"'],
  ['3 another agent', aTask('t', 'm-S9'), 'Task uses invalid agent "m-S9" while agent "m-S0" is expected'],
  ['4 a negative grace period', task({ killPolicy: { gracePeriodMs: -1 } }), "'kill_policy.grace_period' must be non-negative"],
  ['5 a negative completion time', task({ maxCompletionTimeMs: -1 }), "'max_completion_time' must be non-negative"],
  ['6 a check without type', check({ type: undefined as never }), "invalid check: 'type' must be set"],
  ['6 a COMMAND check without command', check({ command: undefined as never }), "'command' must be set for a COMMAND check"],
  ['6 a COMMAND check without value', check({ command: aCommand({ value: '' }) }), "the command must have a 'value'"],
  ['6 an HTTP check without http', check({ type: 'HTTP' }), "'http' must be set for an HTTP check"],
  ['6 a relative HTTP path', check({ type: 'HTTP', http: { port: 1, path: 'x' } }), 'path "x" must start with \'/\''],
  ['6 a TCP check without tcp', check({ type: 'TCP' }), "'tcp' must be set for a TCP check"],
  ['6 a negative interval', check({ intervalMs: -1 }), "'interval_seconds' must be non-negative"],
  ['6 a delay that is no number', check({ delayMs: NaN }), "'delay_seconds' must be non-negative"],
  ['7 a health check without type or member', health({ type: undefined as never, command: undefined as never }), "invalid health check: 'type' must be set"],
  ['7 a strange HTTP scheme', health({ type: 'HTTP', http: { port: 1, scheme: 'ftp', statuses: [] } }), 'unsupported HTTP scheme "ftp"'],
  ['7 a negative grace period', health({ gracePeriodMs: -1 }), "'grace_period_seconds' must be non-negative"],
  ['8 no resources', task({ resources: Resources.empty }), 'Task uses no resources'],
  ['8 half a gpu', task({ resources: Resources.of([cpus({ name: 'gpus', value: { kind: 'scalar', milli: 500 } })]) }), 'gpus must be a whole number'],
  ['8 a disk that is cpus', task({ resources: Resources.of([cpus({ disk: { persistence: { id: 'v' } } })]) }), 'cpus cannot have disk info'],
  ['8 resources of another role', task({ resources: amounts('cpus:1').allocatedTo('ops') }), 'allocated to role "ops" while role "eng" was offered'],
  ['8 revocable and other cpus', task({ resources: Resources.of([cpus({}), cpus({ revocable: true })]) }), 'Task mixes revocable and non-revocable cpus'],
  ['9 a VALUE variable without value', environment({}), "variable 'X' of type 'VALUE' must have a value set"],
  ['9 a VALUE variable with a secret', environment({ value: 'x', secret }), "of type 'VALUE' must not have a secret set"],
  ['9 a SECRET variable without secret', environment({ type: 'SECRET' }), "of type 'SECRET' must have a secret set"],
  ['9 a SECRET variable with a value', environment({ type: 'SECRET', secret, value: 'x' }), "of type 'SECRET' must not have a value set"],
  ['9 a secret with a null byte', environment({ type: 'SECRET', secret: { type: 'VALUE', value: { data: new Uint8Array([0]) } } }), 'null byte'],
  ['9 a reference without name', environment({ type: 'SECRET', secret: { type: 'REFERENCE' } }), 'must have the reference set'],
  ['10 a DOCKER container without docker', container({ type: 'DOCKER' }), "'docker' is not set"],
  ['10 a docker parameter "name"', container({ type: 'DOCKER', docker: { ...docker, parameters: [{ key: 'name', value: 'x' }] } }), "must not be 'name'"],
  ['10 a volume from nowhere', volume({}), "exactly one of 'host_path', 'image' and 'source'"],
  ['10 a volume from two places', volume({ hostPath: '/x', source: { type: 'HOST_PATH', hostPath: { path: '/y' } } }), "exactly one of 'host_path', 'image' and 'source'"],
  ['10 a source without its member', volume({ source: { type: 'SANDBOX_PATH' } }), "'source' of type SANDBOX_PATH"],
  ['11 a limit for disk', limits('disk', 1_000), 'only cpus and mem may have limits'],
  ['11 a limit without request', limits('mem', 1_000, 'cpus:1'), 'limit for mem without requesting any'],
  ['11 a limit below the request', limits('cpus', 500), 'limit for cpus (0.5) is below its request (1)'],
  ['11 a limit that is no number', limits('cpus', NaN), 'limit for cpus'],
  ['12 neither command nor executor', without(task()), 'at least one (but not both) of CommandInfo or ExecutorInfo'],
  ['12 both command and executor', task({ executor: anExecutor('e') }), 'at least one (but not both) of CommandInfo or ExecutorInfo'],
  ['13 a DEFAULT executor with a command', executor({ type: 'DEFAULT' }), "must not be set for 'DEFAULT' executor"],
  ['13 a DEFAULT executor', executor({ type: 'DEFAULT', command: undefined as never }), "must be 'CUSTOM' or unset"],
  ['13 a CUSTOM executor without command', executor({ type: 'CUSTOM', command: undefined as never }), "must be set for 'CUSTOM' executor"],
  ['13 an executor without command', executor({ command: undefined as never }), "'ExecutorInfo.command' must be set"],
  ['13 a malformed executor id', executor({ executorId: '' as never }), 'Executor has an invalid id'],
  ['13 a negative shutdown grace period', executor({ shutdownGracePeriodMs: -1 }), "'shutdown_grace_period' must be non-negative"],
  ['13 another framework', executor({ frameworkId: frameworkId('x') }), 'invalid FrameworkID (Actual: "x" vs Expected: "m-0000")'],
  ['13 another executor under a running id', executor({ executorId: executorId('busy'), name: 'other' }), 'not compatible with existing ExecutorInfo'],
  ['14 task and executor on one port', anExecutorTask('t', agent, anExecutor('e', 'ports:[31000-31001]'), 'ports:[31001-31002]'), 'Task and its executor use the same ports'],
  ['14 task and executor on one item', anExecutorTask('t', agent, anExecutor('e', 'disks:{sda,sdb}'), 'disks:{sdb,sdc}'), 'Task and its executor use the same disks'],
  ['15 more than was offered', task({}, 'cpus:64'), 'Task uses more resources cpus:64 than available cpus:3.4'],
  ['15 more with its new executor', anExecutorTask('t', agent, anExecutor('e', 'cpus:3'), 'cpus:3'), 'Task uses more resources cpus:6 than'],
  ['17 more data than is passed on', task({ data: new Uint8Array(taskInfoBytesMax) }), 'with its executor and data, at most 1048576 are passed on'],
  ['17 an executor with more data than is passed on', executor({ data: new Uint8Array(taskInfoBytesMax) }), 'with its executor and data, at most 1048576 are passed on'],
  ['17 a command longer than is passed on', task({ command: aCommand({ value: 'x'.repeat(taskInfoBytesMax) }) }), 'at most 1048576 are passed on'],
  ['16 unshared cgroups', container({ linuxInfo: { shareCgroups: false } }), "'share_cgroups' cannot be false"],
])('rule %s is an error of the task', (_rule, given, message) => {
  const { status, isLaunched } = launched({ ...given, name: 'given' });
  expect(status).toMatchObject({ taskId: given.taskId, state: 'TASK_ERROR', source: 'SOURCE_MASTER', reason: 'REASON_TASK_INVALID', message: expect.stringContaining(message) as string });
  expect(status?.uuid).toBeUndefined();
  expect(isLaunched).toBe(false);
});

test.each<[claim: string, given: TaskInfo]>([
  ['a plain command', task()],
  ['almost all the data that is passed on', task({ data: new Uint8Array(taskInfoBytesMax - 2_000) })],
  ['a command task with a whole HTTP health check', health({ type: 'HTTP', http: { port: 80, path: '/', scheme: 'https', statuses: [] } })],
  ['a TCP check', check({ type: 'TCP', tcp: { port: 1 } })],
  ['an endless limit', limits('mem', Infinity)],
  ['a limit equal to the request', limits('cpus', 1_000)],
  ['a secret', environment({ type: 'SECRET', secret })],
  ['a host volume', volume({ hostPath: '/x' })],
  ['a docker container', container({ type: 'DOCKER', docker })],
  ['an executor without resources', executor({}, 'cpus:0')],
  ['an executor of type CUSTOM', executor({ type: 'CUSTOM' })],
  ['all that is left', task({}, 'cpus:3.4')],
  ['the running executor, described the same', anExecutorTask('t', agent, anExecutor('busy'), 'cpus:1')],
  ['an executor id that equals its task id', executor({ executorId: executorId('t') })],
])('%s is launched', (_claim, given) => {
  expect(launched({ ...given, name: 'given' })).toMatchObject({ isLaunched: true, message: undefined });
});

test('what a framework may leave out is filled in before the agent sees the task', () => {
  const { task: seen } = launched({ ...executor({}), healthCheck: { http: { port: 1, statuses: [] }, delayMs: 0, intervalMs: 0, timeoutMs: 0, gracePeriodMs: 0, consecutiveFailures: 3 } });
  expect(seen?.resources.allocationRole).toBe('eng');
  expect(seen?.executor?.resources.allocationRole).toBe('eng');
  expect(seen?.executor?.frameworkId).toBe('m-0000');
  expect(seen?.healthCheck?.type).toBe('HTTP');
});

const everyOther = (count: number, from = 31_000): Resources =>
  Resources.of([cpus({ name: 'ports', value: { kind: 'ranges', ranges: Array.from({ length: count }, (_, i) => ({ begin: from + 2 * i, end: from + 2 * i })) } })]);

test('what does not fit is named by its first pieces: the same answer goes to every task of the call', () => {
  const { message } = launched(task({ resources: everyOther(12) }));
  expect(message).toMatch(/^Task uses more resources ports:\[31000-31000,.*31018-31018\] and 2 more than available cpus:3.4;mem:4032;ports:\[31000-31009\]$/);
});

test.each([[1_000, true], [1_001, false]])('rule 17: of a name of %i characters it is %s that it is kept', (length, isKept) => {
  const { isLaunched, message } = launched(task({ name: 'n'.repeat(length) }));
  expect([isLaunched, message]).toEqual([isKept, isKept ? undefined : "Task's name has 1001 characters, at most 1000 are kept"]);
});

test('a task may not leave an offer in more pieces than others can read', () => {
  const master = new ScriptedMaster();
  const registered = master.registered({ resources: amounts('cpus:4;mem:4096;numbers:[0-1000000]') });
  const scheduler = master.subscribed();
  master.skip();
  const scattered = (id: string, from: number): TaskInfo => aTask(id, agent, 'cpus:1', { resources: everyOther(valueEntryCountMax - 1, from).map((resource) => ({ ...resource, name: 'numbers' })) });
  scheduler.accept(['O0'], [launch(scattered('a', 1), scattered('b', 500_001))]);
  expect(registered.launched().map((report) => report.task.taskId)).toEqual(['a']);
  expect(scheduler.updates.at(-1)).toMatchObject({ taskId: 'b', state: 'TASK_ERROR', message: 'Task leaves numbers in 65535 pieces, at most 32768 can be offered' });
});

test('the id of an unreachable task is taken; that of a completed one may be used again', () => {
  const master = new ScriptedMaster();
  const away = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('done', agent, 'cpus:1'), aTask('away', agent, 'cpus:1'))]);
  away.update(scheduler.frameworkId, 'done', 'TASK_FINISHED', 1);
  scheduler.acknowledge('done', agent, 1);
  away.close();
  master.skip(80_000);
  const other = master.registered();
  master.skip();
  scheduler.accept([scheduler.offers.at(-1)?.id.slice(2) ?? ''], [launch(aTask('away', other.agentId), aTask('done', other.agentId))]);
  expect(master.trace(0)).toEqual(['s2 update away TASK_ERROR master REASON_TASK_INVALID', 'a3 run-task done on a new executor']);
  expect(scheduler.updates.at(-1)?.message).toContain('ID of an unreachable task');
});
