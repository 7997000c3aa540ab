// Operator: answers to the people who run the cluster.
//
// Owns:      what each operator call means.
// Elsewhere: the shape of the answers (summaries.ts), how much of a list one holds (pages.ts), quota (quota.ts), why and what if
//            (explanations.ts), questions passed on to agents (relays.ts), the commands (cli/).
// Invariants:
//   H1. Each call gets exactly one reply, at once or, for what an agent must answer, within the operator timeout.
//   H2. What a reply says was done is durable before the reply leaves (M2).
// Source: Mesos v1 operator API, what this release needs of it.

import { assertNever } from '../../common/invariant';
import { refused, type Refusal } from '../../common/refusal';
import type { AgentId, ExecutorId, FrameworkId, TaskId } from '../../common/model/ids';
import type { OperatorCall, OperatorReply, TaskSummary } from '../../common/model/operator-protocol';
import { checkFactSize } from '../../common/model/registry-fact';
import { checkRole } from '../../common/model/role';
import { explain, whatIf } from './explanations';
import { removeFramework } from './frameworks';
import { killTask } from './kills';
import type { Agent, CompletedFramework, Framework, MasterState, Task, UnreachableAgent } from './master-state';
import { pageOf } from './pages';
import { summarizeQuotas, updateQuota } from './quota';
import { relayToAgent } from './relays';
import { summarizeAgent, summarizeFramework, summarizeOffer, summarizeRoles, summarizeUnreachableAgent } from './summaries';
import { summarizeTask } from './tasks';

/** Bytes of one sandbox answer. Source: the agent protocol. */
const sandboxLengthMax = 262_144;

export function onOperatorCall(state: MasterState, request: number, call: OperatorCall): void {
  state.counters.operatorCalls += 1;
  const reply = answerTo(state, request, call);
  if (reply === undefined) return;
  if (reply.kind === 'refused') state.counters.operatorCallsRefused += 1;
  state.outgoing.replyOperator(request, reply);
}

/** undefined: the answer comes later (H1). */
function answerTo(state: MasterState, request: number, call: OperatorCall): OperatorReply | undefined {
  switch (call.kind) {
    case 'get-master':
      return {
        kind: 'master',
        masterInfo: state.start.masterInfo,
        electedAtMs: state.start.electedAtWallMs,
        registry: state.start.registryName,
        agentCount: state.agents.size,
        frameworkCount: state.frameworks.size,
      };
    case 'get-agents': {
      const { shown: agents, omittedCount } = pageOf(allAgents(state), state.agents.size + state.unreachableAgents.size, call, (agent) =>
        'presence' in agent ? summarizeAgent(agent) : summarizeUnreachableAgent(agent),
      );
      return { kind: 'agents', agents, omittedCount };
    }
    case 'get-frameworks': {
      const { shown: frameworks, omittedCount } = pageOf(allFrameworks(state), state.frameworks.size + state.completedFrameworks.size, call, (framework) =>
        'summary' in framework ? framework.summary : summarizeFramework(state, framework),
      );
      return { kind: 'frameworks', frameworks, omittedCount };
    }
    case 'get-tasks': {
      const { shown: tasks, omittedCount } = pageOf(tasksOf(state, call), taskCount(state, call), call, (task) => ('framework' in task ? summarizeTask(task) : task));
      return { kind: 'tasks', tasks, omittedCount };
    }
    case 'get-offers': {
      const { shown: offers, omittedCount } = pageOf(state.offers.values(), state.offers.size, call, (offer) => summarizeOffer(state, offer));
      return { kind: 'offers', offers, omittedCount };
    }
    case 'get-roles': {
      const all = summarizeRoles(state);
      const { shown: roles, omittedCount } = pageOf(all, all.length, call, (role) => role);
      return { kind: 'roles', roles, omittedCount };
    }
    case 'kill-task':
      return kill(state, call);
    case 'teardown':
      return teardown(state, call.frameworkId);
    case 'set-weight':
      return setWeight(state, call.role, call.weight);
    case 'get-quota':
      return { kind: 'quota', quotas: summarizeQuotas(state) };
    case 'update-quota':
      return updateQuota(state, call);
    case 'explain':
      return explain(state, call);
    case 'what-if':
      return whatIf(state, call);
    case 'read-sandbox':
      return readSandbox(state, request, call);
    default:
      return assertNever(call);
  }
}

function* allAgents({ agents, unreachableAgents }: MasterState): Iterable<Agent | UnreachableAgent> {
  yield* agents.values();
  yield* unreachableAgents.values();
}

function* allFrameworks({ frameworks, completedFrameworks }: MasterState): Iterable<Framework | CompletedFramework> {
  yield* frameworks.values();
  yield* completedFrameworks.values();
}

interface TaskQuestion {
  readonly frameworkId?: FrameworkId;
  readonly includeCompleted: boolean;
}

/** Running and unreachable tasks, and on demand those completed, of frameworks completed too. */
function* tasksOf(state: MasterState, { frameworkId, includeCompleted }: TaskQuestion): Iterable<Task | TaskSummary> {
  for (const framework of frameworksNamed(state, frameworkId)) {
    yield* framework.tasks.values();
    for (const { summary } of framework.unreachableTasks.values()) yield summary;
    if (includeCompleted) yield* framework.completedTasks;
  }
  if (!includeCompleted) return;
  for (const [id, completed] of state.completedFrameworks) if (frameworkId === undefined || id === frameworkId) yield* completed.completedTasks;
}

/** How many `tasksOf` has. */
function taskCount(state: MasterState, { frameworkId, includeCompleted }: TaskQuestion): number {
  let count = 0;
  for (const { tasks, unreachableTasks, completedTasks } of frameworksNamed(state, frameworkId)) {
    count += tasks.size + unreachableTasks.size + (includeCompleted ? completedTasks.count : 0);
  }
  if (!includeCompleted) return count;
  for (const [id, completed] of state.completedFrameworks) if (frameworkId === undefined || id === frameworkId) count += completed.completedTasks.count;
  return count;
}

/** The frameworks in question: the one named, or all. */
function frameworksNamed(state: MasterState, frameworkId: FrameworkId | undefined): readonly Framework[] {
  if (frameworkId === undefined) return [...state.frameworks.values()];
  const framework = state.frameworks.get(frameworkId);
  return framework === undefined ? [] : [framework];
}

type Found<Thing> = { readonly ok: true; readonly value: Thing } | { readonly ok: false; readonly refusal: Refusal };

function theOnly<Thing>(things: readonly Thing[], taskId: TaskId, expectation: string, frameworkIdOf: (thing: Thing) => FrameworkId): Found<Thing> {
  const [first] = things;
  if (first === undefined) return refused('task_id', taskId, expectation);
  if (things.length === 1) return { ok: true, value: first };
  const ids = things.slice(0, 5).map(frameworkIdOf).join(', ');
  return refused('framework_id', undefined, `one of the ${things.length} frameworks that have a task of this id (${ids})`);
}

function kill(state: MasterState, { taskId, frameworkId }: { readonly taskId: TaskId; readonly frameworkId?: FrameworkId }): OperatorReply {
  const tasks = frameworksNamed(state, frameworkId)
    .map((framework) => framework.tasks.get(taskId))
    .filter((task): task is Task => task !== undefined);
  const found = theOnly(tasks, taskId, 'a task that runs', (task) => task.framework.id);
  if (!found.ok) return { kind: 'refused', refusal: found.refusal };
  killTask(state, found.value, undefined);
  state.outgoing.log('info', 'Task kill requested by operator', { frameworkId: found.value.framework.id, taskId });
  return { kind: 'done' };
}

function teardown(state: MasterState, frameworkId: FrameworkId): OperatorReply {
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) return { kind: 'refused', refusal: refused('framework_id', frameworkId, 'a framework that is not completed').refusal };
  removeFramework(state, framework, 'teardown by operator', { kind: 'error', message: 'Framework has been removed' });
  return { kind: 'done' };
}

/** Weight 1 is everybody's, so it is not worth a fact. */
function setWeight(state: MasterState, role: string, weight: number): OperatorReply {
  const checked = checkRole(role, 'role');
  if (!checked.ok) return { kind: 'refused', refusal: checked.refusal };
  const size = checkFactSize({ role });
  if (!size.ok) return { kind: 'refused', refusal: size.refusal };
  if (!Number.isFinite(weight) || weight <= 0) return { kind: 'refused', refusal: refused('weight', weight, 'a finite number > 0').refusal };
  state.outgoing.persist([weight === 1 ? { kind: 'delete-weight', role } : { kind: 'put', fact: { kind: 'weight', role, weight } }]);
  if (weight === 1) state.weights.delete(role);
  else state.weights.set(role, weight);
  state.allocator.updateWeight(role, weight);
  state.outgoing.log('info', 'Weight changed', { role, weight });
  return { kind: 'done' };
}

interface SandboxPlace {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly executorId: ExecutorId;
  readonly task?: Task;
}

function readSandbox(state: MasterState, request: number, call: Extract<OperatorCall, { kind: 'read-sandbox' }>): OperatorReply | undefined {
  if (!Number.isSafeInteger(call.offset)) return { kind: 'refused', refusal: refused('offset', call.offset, 'a whole number of bytes').refusal };
  if (!Number.isSafeInteger(call.lengthMax) || call.lengthMax < 1) return { kind: 'refused', refusal: refused('length_max', call.lengthMax, 'a whole number >= 1').refusal };
  const found = theOnly(sandboxPlaces(state, call), call.taskId, 'a task that runs, or ended not long ago', (place) => place.frameworkId);
  if (!found.ok) return { kind: 'refused', refusal: found.refusal };
  const { frameworkId, agentId, executorId, task } = found.value;
  const agent = state.agents.get(agentId);
  if (agent === undefined) return { kind: 'unavailable', message: `Agent ${agentId} is not here` };
  const containerId = task?.update?.containerStatus?.containerId;
  relayToAgent(state, request, agent, {
    frameworkId,
    executorId,
    ...(containerId === undefined ? {} : { containerId }),
    stream: call.stream,
    offset: call.offset,
    lengthMax: Math.min(call.lengthMax, sandboxLengthMax),
  });
  return undefined;
}

/** Where that task has its sandbox: one place per framework that has or had such a task, the newest run. */
function sandboxPlaces(state: MasterState, { taskId, frameworkId }: { readonly taskId: TaskId; readonly frameworkId?: FrameworkId }): SandboxPlace[] {
  const places: SandboxPlace[] = [];
  const addCompleted = (completed: Iterable<TaskSummary>): void => {
    let newest: TaskSummary | undefined;
    for (const summary of completed) if (summary.id === taskId) newest = summary;
    if (newest?.executorId !== undefined) places.push({ frameworkId: newest.frameworkId, agentId: newest.agentId, executorId: newest.executorId });
  };
  for (const framework of frameworksNamed(state, frameworkId)) {
    const task = framework.tasks.get(taskId);
    const unreachable = framework.unreachableTasks.get(taskId);
    if (task !== undefined) places.push({ frameworkId: framework.id, agentId: task.agent.id, executorId: task.executorId, task });
    else addCompleted(unreachable === undefined ? framework.completedTasks : [unreachable.summary]);
  }
  for (const [id, completed] of state.completedFrameworks) {
    if (frameworkId === undefined || frameworkId === id) addCompleted(completed.completedTasks);
  }
  return places;
}
