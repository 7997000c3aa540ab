// Agent report: what an agent that comes back says it runs.
//
// Owns:      checking a re-registration, and reading it as one plan: what to track, what is missing, what must end.
// Elsewhere: putting its parts together (agent-messages.ts), carrying the plan out (agents.ts).
// Invariants:
//   J1. Reading changes nothing but this: a framework nobody knows becomes recovered (`readReport` names it, agents.ts makes it).
//   J2. What a plan charges fits into the agent's total, each amount once: a report that says otherwise is refused whole.
// Source: Mesos re-registration (reference, operator document, 11.2 and 11.3). Ours: J2, because the allocator's books must stay exact
//         whatever an agent says.

import { refused, type Checked } from '../../common/refusal';
import type { AgentMessage, ExecutorReport, TaskReport } from '../../common/model/agent-protocol';
import type { AgentInfo } from '../../common/model/agent';
import type { FrameworkInfo } from '../../common/model/framework';
import { checkAgentId, checkFrameworkId, type ExecutorId, type FrameworkId, type TaskId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { checkFactSize } from '../../common/model/registry-fact';
import { isValidRole, unreservedRole } from '../../common/model/role';
import { isTerminal } from '../../common/model/task-states';
import { infoRefusal } from './framework-validation';
import { executorOn, frameworkCountMax, type Executor, type MasterState, type Stray, type Task } from './master-state';
import { strayOn } from './strays';
import { isAgentsToReport, taskOn } from './tasks';

export type ReregisterMessage = Extract<AgentMessage, { kind: 'reregister' }>;

/** A report with the role and resources that its sender was given. */
export interface ReadTask extends TaskReport {
  readonly role: string;
  readonly resources: Resources;
}

export interface ReadExecutor extends ExecutorReport {
  readonly resources: Resources;
}

export interface AgentReport {
  readonly info: AgentInfo;
  /** Known to the agent, by id; without those that are to be shut down. */
  readonly frameworks: ReadonlyMap<FrameworkId, FrameworkInfo>;
  readonly tasks: ReadonlyMap<FrameworkId, ReadonlyMap<TaskId, ReadTask>>;
  readonly executors: ReadonlyMap<FrameworkId, ReadonlyMap<ExecutorId, ReadExecutor>>;
  /** Removed, or unheard of: the agent must end whatever it runs of them. */
  readonly frameworksToShutDown: ReadonlySet<FrameworkId>;
}

/** An agent's info as the master keeps it; `version` is kept beside it. */
export function checkAgentInfo(info: AgentInfo, version = ''): Checked<AgentInfo> {
  if (info.hostname === '') return refused('agent_info.hostname', info.hostname, 'a non-empty name');
  if (!Number.isInteger(info.port) || info.port < 0 || info.port > 65_535) return refused('agent_info.port', info.port, 'a port number, or 0 for none');
  const { hostname, resources, attributes, domain } = info;
  const size = checkFactSize({ 'agent_info.hostname': hostname, 'agent_info.resources': resources, 'agent_info.attributes': attributes, 'agent_info.domain': domain, version });
  if (!size.ok) return size;
  return { ok: true, value: { ...info, resources: resources.unallocated() } };
}

/** `info` is the message's, as `checkAgentInfo` gave it. */
export function readReport(state: MasterState, message: ReregisterMessage, info: AgentInfo): Checked<AgentReport> {
  const agentId = checkAgentId(message.agentId, 'agent_id');
  if (!agentId.ok) return agentId;

  if (message.frameworks.length > frameworkCountMax) return refused('frameworks', message.frameworks.length, `at most ${frameworkCountMax} frameworks`);
  const frameworksToShutDown = new Set<FrameworkId>();
  const frameworks = new Map<FrameworkId, FrameworkInfo>();
  for (const [index, framework] of message.frameworks.entries()) {
    const field = `frameworks[${index}]`;
    const id = checkFrameworkId(framework.id, `${field}.id`);
    if (!id.ok) return id;
    if (state.completedFrameworks.has(id.value)) {
      frameworksToShutDown.add(id.value);
      continue;
    }
    const refusal = infoRefusal(framework, field);
    if (refusal !== undefined) return { ok: false, refusal };
    frameworks.set(id.value, framework);
  }

  let free = info.resources.nonShared();
  /** Whether the amount is there and nobody else in the report has it (J2). */
  const take = (resources: Resources): boolean => {
    const amount = resources.unallocated().nonShared();
    const isThere = free.contains(amount);
    if (isThere) free = free.minus(amount);
    return isThere;
  };
  /** Undefined if the framework is to be shut down. */
  const infoOf = (id: FrameworkId): FrameworkInfo | undefined => {
    const found = state.frameworks.get(id)?.info ?? frameworks.get(id);
    if (found === undefined) frameworksToShutDown.add(id);
    return found;
  };

  // What is tracked is charged as it was given out, whatever the agent says of it now.
  const agent = state.agents.get(agentId.value);
  const trackedExecutor = ({ frameworkId, executor }: ExecutorReport): Executor | undefined =>
    agent === undefined ? undefined : executorOn(agent, frameworkId, executor.executorId);
  const trackedRun = ({ frameworkId, task }: TaskReport): Task | Stray | undefined => {
    const framework = state.frameworks.get(frameworkId);
    if (framework === undefined || agent === undefined) return undefined;
    return taskOn(framework, agent, task.taskId) ?? strayOn(agent, framework, task.taskId);
  };

  const executors = new Map<FrameworkId, Map<ExecutorId, ReadExecutor>>();
  for (const [index, report] of message.executors.entries()) {
    const framework = infoOf(report.frameworkId);
    if (framework === undefined) continue;
    const ofFramework = executors.get(report.frameworkId) ?? new Map<ExecutorId, ReadExecutor>();
    if (ofFramework.has(report.executor.executorId)) continue; // Said twice.
    const tracked = trackedExecutor(report);
    const resources = tracked?.resources ?? allocated(report.executor.resources, framework);
    if (!take(resources)) return tooMuch(`executors[${index}].executor.resources`, resources, info);
    executors.set(report.frameworkId, ofFramework.set(report.executor.executorId, { ...report, resources }));
  }

  const tasks = new Map<FrameworkId, Map<TaskId, ReadTask>>();
  for (const [index, report] of message.tasks.entries()) {
    const framework = infoOf(report.frameworkId);
    if (framework === undefined) continue;
    const ofFramework = tasks.get(report.frameworkId) ?? new Map<TaskId, ReadTask>();
    if (ofFramework.has(report.task.taskId)) continue; // Said twice.
    if (!isAgentsToReport(report.state)) return refused(`tasks[${index}].state`, report.state, 'a state that an agent may report');
    const tracked = trackedRun(report);
    const resources = tracked?.resources ?? allocated(report.task.resources, framework);
    if (!isTerminal(report.state) && !take(resources)) return tooMuch(`tasks[${index}].task.resources`, resources, info);
    tasks.set(report.frameworkId, ofFramework.set(report.task.taskId, { ...report, role: resources.allocationRole ?? roleOf(framework), resources }));
  }
  return { ok: true, value: { info, frameworks, tasks, executors, frameworksToShutDown } };
}

/** As it was given out: the role travels with the resources; where it does not, any role of the framework is as good. */
function allocated(resources: Resources, framework: FrameworkInfo): Resources {
  const role = resources.allocationRole;
  return role !== undefined && isValidRole(role) ? resources : resources.allocatedTo(roleOf(framework));
}

function roleOf({ roles }: FrameworkInfo): string {
  return roles[0] ?? unreservedRole;
}

function tooMuch(field: string, resources: Resources, info: AgentInfo): Checked<never> {
  return refused(field, resources.unallocated().toString(), `what is left of the agent's total (${info.resources.toString()}) after the executors and tasks before it`);
}
