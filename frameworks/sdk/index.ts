// The SDK: what a framework's author imports as `allot/sdk`.
//
// Owns:      the public surface. What is not here is not for authors, and may change.
// Elsewhere: schedulers and executors in virtual time, for tests (`allot/sdk/testing`).
//
// A scheduler is an object of handlers for `runScheduler`; an executor is a function for `runExecutor`. The drivers own heartbeats, following
// the leader, resubscription, acknowledgement, de-duplication, reconciliation and suppression.
// Source: our choice.

// Running: the two entries, and the driver for more control.
export { connectScheduler, preloadConnection, runExecutor, runScheduler, type ConnectOptions, type RunSchedulerOptions } from './connect';
export {
  SchedulerDriver,
  type CallOutcome,
  type Launched,
  type LaunchOutcome,
  type SchedulerConnection,
  type SchedulerEnd,
} from './scheduler-driver';
export type { DriverOptions, DriverTrouble, FrameworkOptions, RefusedCall, SchedulerHandlers, SchedulerOptions } from './scheduler-options';
export { capabilitiesDefault, failoverTimeoutMsDefault } from './scheduler-options';
export { SchedulerError, type SchedulerErrorCode } from './scheduler-error';
export type { MaybePromise } from './handler-call';

// Describing what to run.
export { command, executor, task, type CommandOptions, type ExecutorOptions, type TaskDraft, type TaskOptions } from './task-builder';
export { resources, type ResourceRequest } from './resource-request';

// Choosing among offers.
export { explainMismatch, OfferSpace, pack, type Mismatch, type Packed, type Placement, type Shortfall } from './matching';
export { attributeIs, attributeIsNot, attributeMatches, hasAttribute, hostnameIs, type AgentPredicate } from './agent-predicate';

// Reading what became of tasks.
export { isTerminal } from '../../common/model/task-states';
export { isLost } from './task-outcome';

// Executors: a function per task, or the driver for more control.
export { TaskRunner, type TaskContext, type TaskResult, type TaskRunnerOptions } from './task-runner';
export {
  ExecutorDriver,
  type ExecutorConnection,
  type ExecutorEnd,
  type ExecutorHandlers,
  type ExecutorSubscription,
  type TaskReport,
} from './executor-driver';
export { readExecutorEnvironment, type ExecutorIdentity } from './executor-environment';

// The words of the model.
export type { Attribute, AgentInfo } from '../../common/model/agent';
export type { CommandInfo, ContainerInfo } from '../../common/model/command';
export type { FrameworkCapability, FrameworkInfo } from '../../common/model/framework';
export { agentId, executorId, frameworkId, offerId, taskId } from '../../common/model/ids';
export type { AgentId, ExecutorId, FrameworkId, OfferId, TaskId } from '../../common/model/ids';
export type { Offer, OfferOperation } from '../../common/model/offer';
export type { OperationState, OperationStatus } from '../../common/model/operation-status';
export { Resources, type Resource } from '../../common/model/resources';
export type { ExecutorInfo, KillPolicy, TaskInfo } from '../../common/model/task';
export type { TaskReason, TaskState, TaskStatus } from '../../common/model/task-status';

// Errors of the world and of input, told apart by `code`; `describeError` makes one line of anything thrown.
export { AllotError, describeError, isAllotError } from '../../common/errors';
export type { Clock, Environment, Log, LogLevel } from '../../common/ports';

// The machine's clock, randomness and ids behind the interface that the testing kit replaces: a scheduler that uses it runs in virtual time.
export { createEnvironment } from '../../common/environment';
