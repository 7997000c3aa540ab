// Accept: offers become tasks.
//
// Owns:      the ACCEPT pipeline: may these offers be used together, what of them each operation takes, what goes back.
// Elsewhere: rules for one task (task-validation.ts), what can be read at all (proto/), the records (tasks.ts, offers.ts).
// Invariants:
//   B1. Every task named in the call is launched, or answered with a terminal status, also one that could not be read: never silence.
//   B2. What the call's offers held is, afterwards, either charged to its tasks and executors or returned: nothing lost, nothing twice.
//   B3. An offer of another framework is neither used nor ended.
//   B4. Operations are independent: each that fails is dropped with an answer of its own (of its tasks, or OPERATION_ERROR), and the others run. The
//       call as a whole is refused only if it changes nothing.
// Source: Mesos `Master::accept`, `Master::_accept` (reference, section 9). As decisions are synchronous here, an agent cannot vanish
//         between the check of the offers and their use. Ours: operations without an id are answered, too. Not yet: LAUNCH_GROUP and operations on
//         reservations and volumes, dropped by name.

import { assertNever } from '../../common/invariant';
import { describeRefusal, refused, type Refusal } from '../../common/refusal';
import type { AgentId, ExecutorId, OfferId, TaskId } from '../../common/model/ids';
import type { Filters, OfferOperation, UnreadableTask } from '../../common/model/offer';
import { burstBytesMax, launchBytesMax, sizeOf } from '../../common/model/message-size';
import type { OperationStatus } from '../../common/model/operation-status';
import { Resources } from '../../common/model/resources';
import { lostState } from '../../common/model/task-states';
import { outlineOf, type TaskInfo } from '../../common/model/task';
import type { TaskReason, TaskState } from '../../common/model/task-status';
import { bytesUnderWay, noteLaunch } from './launch-flight';
import { countTaskEnded } from './master-counters';
import {
  callListCountMax,
  executorBytesMax,
  isPartitionAware,
  refuseCall,
  sendMasterStatus,
  sendToAgent,
  sendToScheduler,
  trackedTaskCountMax,
  type Agent,
  type Framework,
  type MasterState,
  type OpenOffer,
  type SchedulerSession,
} from './master-state';
import { declineOffers, endOffer, refuseMsOf, takeOffer } from './offers';
import { validateLaunch } from './task-validation';
import { addExecutor, addTask, executorIdOf } from './tasks';

export interface AcceptCall {
  readonly kind: 'accept';
  readonly offerIds: readonly OfferId[];
  readonly operations: readonly OfferOperation[];
  readonly filters: Filters;
}

export function onAccept(state: MasterState, session: SchedulerSession, framework: Framework, number: number, call: AcceptCall): void {
  // A copy of it goes to the agent with each task.
  const infoBytes = sizeOf(framework.info);
  const oversize = oversizeRefusal(infoBytes, call);
  if (oversize !== undefined) {
    refuseCall(state, session, number, 'accept', oversize);
    return;
  }
  if (doesNothing(call)) {
    if (call.offerIds.length > 0) declineOffers(state, session, framework, number, call);
    else refuseCall(state, session, number, 'accept', refused('accept.offer_ids', [], 'at least one offer').refusal);
    return;
  }
  const usable = findOffers(state, framework, call.offerIds);
  if (!usable.ok) {
    dropAll(state, framework, call, usable.message);
    return;
  }
  const { offers, agent, role } = usable;
  for (const offer of offers) takeOffer(state, offer, 'accepted');
  const offered = Resources.sum(offers.map(({ resources }) => resources));
  let remaining = offered;
  for (const [index, operation] of call.operations.entries()) {
    switch (operation.kind) {
      case 'launch':
        for (const task of operation.tasks) {
          if (operation.id === undefined) remaining = launch(state, framework, agent, { role, remaining, infoBytes }, task);
          else failTask(state, framework, task, 'TASK_ERROR', 'REASON_TASK_INVALID', "LAUNCH must not have an operation 'id'");
        }
        failUnreadable(state, framework, index, operation, 'TASK_ERROR', 'REASON_TASK_INVALID', agent);
        break;
      case 'launch-group':
        for (const task of operation.tasks) {
          failTask(state, framework, task, 'TASK_ERROR', 'REASON_TASK_GROUP_INVALID', 'LAUNCH_GROUP is not supported yet by this master');
        }
        if (operation.tasks.length === 0) dropOperation(state, framework, index, operation, agent);
        break;
      case 'reserve':
      case 'unreserve':
      case 'create':
      case 'destroy':
      case 'grow-volume':
      case 'shrink-volume':
      case 'create-disk':
      case 'destroy-disk':
        dropOperation(state, framework, index, operation, agent);
        break;
      case 'unreadable':
        failUnreadable(state, framework, index, operation, 'TASK_ERROR', operation.type === 'LAUNCH_GROUP' ? 'REASON_TASK_GROUP_INVALID' : 'REASON_TASK_INVALID', agent);
        if (operation.unreadable.length === 0) dropOperation(state, framework, index, operation, agent, describeRefusal(operation.refusal));
        break;
      default:
        assertNever(operation);
    }
  }
  // Before the rest goes back: returning it alone would look like a framework that has no use for offers, and those who have one go first.
  const used = offered.minus(remaining);
  if (!used.isEmpty) state.allocator.transitionOfferedToAllocated(framework.id, agent.id, used);
  if (remaining.isEmpty) return;
  // What is left is declined by saying nothing about it. Source: Mesos.
  state.allocator.recoverResources(framework.id, agent.id, remaining, { cause: 'declined', refuseMs: refuseMsOf(call.filters) }, state.nowMs);
}

function doesNothing({ operations }: AcceptCall): boolean {
  return operations.every((operation) => operation.kind === 'launch' && taskCountOf(operation) === 0);
}

function oversizeRefusal(infoBytes: number, { offerIds, operations }: AcceptCall): Refusal | undefined {
  if (offerIds.length > callListCountMax) return refused('accept.offer_ids', offerIds.length, `at most ${callListCountMax} ids`).refusal;
  if (operations.length > callListCountMax) return refused('accept.operations', operations.length, `at most ${callListCountMax} operations`).refusal;
  const taskCount = operations.reduce((sum, operation) => sum + taskCountOf(operation), 0);
  if (taskCount > callListCountMax) return refused('accept.operations', `${taskCount} tasks`, `at most ${callListCountMax} tasks in all`).refusal;
  // The tasks themselves came in one message.
  if (taskCount * infoBytes <= burstBytesMax) return undefined;
  const expected = `at most ${Math.floor(burstBytesMax / infoBytes)} tasks in one call of a framework whose FrameworkInfo takes up to ${infoBytes} bytes`;
  return refused('accept.operations', `${taskCount} tasks`, expected).refusal;
}

function taskCountOf(operation: OfferOperation): number {
  return ('tasks' in operation ? operation.tasks.length : 0) + unreadableOf(operation).length;
}

function unreadableOf(operation: OfferOperation): readonly UnreadableTask[] {
  return 'unreadable' in operation ? (operation.unreadable ?? []) : [];
}

type UsableOffers =
  | { readonly ok: true; readonly offers: readonly OpenOffer[]; readonly agent: Agent; readonly role: string }
  | { readonly ok: false; readonly message: string };

/** Offer validation, first failure wins (reference, 9.1). */
function findOffers(state: MasterState, framework: Framework, ids: readonly OfferId[]): UsableOffers {
  const no = (message: string): UsableOffers => ({ ok: false, message });
  if (new Set(ids).size < ids.length) return no('Duplicate offer in offer list');
  const offers: OpenOffer[] = [];
  for (const id of ids) {
    const offer = state.offers.get(id);
    if (offer === undefined) return no(`Offer ${id} is no longer valid`);
    offers.push(offer);
  }
  const [first] = offers;
  if (first === undefined) return no('No offers specified');
  for (const offer of offers) if (offer.framework !== framework) return no(`Offer ${offer.id} was not made to this framework`);
  for (const offer of offers) {
    if (offer.role !== first.role) return no(`Aggregated offers must be allocated to the same role. Offer ${offer.id} uses role "${offer.role}", but another uses "${first.role}"`);
  }
  for (const offer of offers) {
    if (offer.agent !== first.agent) return no(`Aggregated offers must belong to one single agent. Offer ${offer.id} is of agent ${offer.agent.id}, another of ${first.agent.id}`);
  }
  return { ok: true, offers, agent: first.agent, role: first.role };
}

/** The offers cannot be used: those that are the framework's own are void, and every operation is answered. */
function dropAll(state: MasterState, framework: Framework, call: AcceptCall, message: string): void {
  for (const id of new Set(call.offerIds)) {
    const offer = state.offers.get(id);
    if (offer?.framework === framework) endOffer(state, offer, 'discarded'); // B3
  }
  for (const [index, operation] of call.operations.entries()) {
    for (const task of 'tasks' in operation ? operation.tasks : []) failTask(state, framework, task, 'TASK_DROPPED', 'REASON_INVALID_OFFERS', message);
    failUnreadable(state, framework, index, operation, 'TASK_DROPPED', 'REASON_INVALID_OFFERS', undefined, message);
    if (taskCountOf(operation) === 0) dropOperation(state, framework, index, operation, undefined, message);
  }
}

/** Answers an operation that is not carried out, and has no tasks to answer for it (B4). */
function dropOperation(state: MasterState, framework: Framework, index: number, operation: OfferOperation, agent: Agent | undefined, why?: string): void {
  const name = operation.kind.toUpperCase().replaceAll('-', '_');
  const unsupported = refused(`accept.operations[${index}].type`, name, `LAUNCH: ${name} is not supported yet by this master`).refusal;
  state.counters.operationsDropped += 1;
  const status: OperationStatus = {
    ...(operation.id === undefined ? {} : { operationId: operation.id }),
    state: 'OPERATION_ERROR',
    message: why ?? describeRefusal(unsupported),
    ...(agent === undefined ? {} : { agentId: agent.id }),
  };
  sendToScheduler(state, framework, { kind: 'operation-update', status });
}

interface LaunchSpace {
  /** Allocation role of the offers. */
  readonly role: string;
  /** What is left of them. */
  readonly remaining: Resources;
  /** Of the FrameworkInfo. */
  readonly infoBytes: number;
}

/** Validates and launches one task; returns what is left of the offers. */
function launch(state: MasterState, framework: Framework, agent: Agent, { role, remaining, infoBytes }: LaunchSpace, given: TaskInfo): Resources {
  const verdict = validateLaunch(given, { framework, agent, role, remaining });
  if (!verdict.ok) {
    failTask(state, framework, given, 'TASK_ERROR', 'REASON_TASK_INVALID', verdict.message);
    return remaining;
  }
  if (framework.tasks.size >= trackedTaskCountMax) {
    const message = `Framework has ${framework.tasks.size} tasks running or unacknowledged, at most ${trackedTaskCountMax} are kept: acknowledge terminal updates`;
    failTask(state, framework, given, 'TASK_ERROR', 'REASON_TASK_INVALID', message);
    return remaining;
  }
  const { task, newExecutor } = verdict;
  if (newExecutor !== undefined && framework.executorBytes + sizeOf(newExecutor) > executorBytesMax) {
    const message = `Executors of the framework would take more than ${executorBytesMax} bytes to describe: let them fetch what they need, or end some`;
    failTask(state, framework, given, 'TASK_ERROR', 'REASON_TASK_INVALID', message);
    return remaining;
  }
  const launchBytes = sizeOf(task) + infoBytes;
  const underWay = bytesUnderWay(agent);
  if (underWay + launchBytes > launchBytesMax) {
    const message = `Launches of ${underWay} bytes are under way to agent ${agent.id}, at most ${launchBytesMax} are sent before it has read them: launch the task later, or let it fetch what it needs`;
    failTask(state, framework, given, 'TASK_DROPPED', 'REASON_INVALID_OFFERS', message);
    return remaining;
  }
  let left = remaining.minus(task.resources);
  if (newExecutor !== undefined) {
    left = left.minus(newExecutor.resources);
    addExecutor(framework, agent, newExecutor, newExecutor.resources);
  }
  addTask(state, framework, agent, { info: outlineOf(task), role, resources: task.resources, state: 'TASK_STAGING', executorId: executorIdOf(task), isCharged: true });
  state.counters.tasksLaunched += 1;
  // A command task always starts its own executor.
  sendToAgent(state, agent, { kind: 'run-task', framework: framework.info, task, launchExecutor: task.executor === undefined || newExecutor !== undefined });
  noteLaunch(state, agent, launchBytes);
  return left;
}

/** Longest message of a status of ours: it may quote what a framework said, and is sent for each of its tasks. */
const messageLengthMax = 1_000;

/** Answers a launch that does not happen. The task was never recorded. */
function failTask(state: MasterState, framework: Framework, task: TaskInfo, precise: TaskState, reason: TaskReason, message: string): void {
  answerTask(state, framework, task.taskId, task.agentId, executorIdOf(task), precise, reason, message);
}

/** Answers tasks that could not be read (B1): by their id, and if not even that could be read, as a part of their operation that was dropped. */
function failUnreadable(
  state: MasterState,
  framework: Framework,
  index: number,
  operation: OfferOperation,
  precise: TaskState,
  reason: TaskReason,
  agent: Agent | undefined,
  why?: string,
): void {
  for (const { taskId, agentId, refusal } of unreadableOf(operation)) {
    if (taskId !== undefined) answerTask(state, framework, taskId, agentId, undefined, precise, reason, why ?? describeRefusal(refusal));
    else dropOperation(state, framework, index, operation, agent, describeRefusal(refusal));
  }
}

function answerTask(
  state: MasterState,
  framework: Framework,
  taskId: TaskId,
  agentId: AgentId | undefined,
  executorId: ExecutorId | undefined,
  precise: TaskState,
  reason: TaskReason,
  why: string,
): void {
  countTaskEnded(state.counters, lostState(isPartitionAware(framework), precise));
  const message = why.length > messageLengthMax ? `${why.slice(0, messageLengthMax - 3)}...` : why;
  sendMasterStatus(state, framework, { taskId, state: precise, reason, message, agentId, executorId });
}
