// Scheduler options: what an author tells the driver, and what the driver asks of the author.
//
// Owns:      the description of a framework with its defaults, the handlers and their promises, the checks of what was given.
// Elsewhere: what the driver does with them (scheduler-driver.ts), transport and process (connect.ts).
// Source: Mesos FrameworkInfo and the callbacks of its scheduler driver.

import { checkFrameworkId, type AgentId, type ExecutorId, type FrameworkId, type OfferId, type TaskId } from '../../common/model/ids';
import { frameworkCapabilities, type FrameworkCapability, type FrameworkInfo } from '../../common/model/framework';
import { refuseSecondsDefault, refuseSecondsMax, type Offer } from '../../common/model/offer';
import { checkRole } from '../../common/model/role';
import type { MasterInfo, OfferConstraints } from '../../common/model/scheduler-protocol';
import type { OperationStatus } from '../../common/model/operation-status';
import type { TaskStatus } from '../../common/model/task-status';
import { frameworkInfoBytesMax } from '../../common/model/message-size';
import { describeRefusal, refused, type Refusal } from '../../common/refusal';
import type { MaybePromise } from './handler-call';
import { checkMessageSize } from './message-size';
import { inputError } from './resource-request';
import type { SchedulerDriver } from './scheduler-driver';

/** What the SDK itself can handle, so that authors get the precise states, several roles and refined reservations without asking. */
export const capabilitiesDefault: readonly FrameworkCapability[] = ['PARTITION_AWARE', 'MULTI_ROLE', 'TASK_KILLING_STATE', 'RESERVATION_REFINEMENT'];

/**
 * How long tasks outlive a lost scheduler by default. Not Mesos's 0, with which a network hiccup of a second kills everything; a minute
 * covers the restart of a process and a change of leader, and still cleans up soon after a scheduler that crashed for good.
 */
export const failoverTimeoutMsDefault = 60_000;

/** Who the framework is. */
export interface FrameworkOptions {
  /** For people, and for the share among frameworks of a role. */
  readonly name: string;
  /** Default `['*']`. */
  readonly roles?: readonly string[];
  /** The user on the agents in whose name tasks run. Default: the agents' own. */
  readonly user?: string;
  /** The id that `subscribed` told an earlier process: its tasks are ours from then on. Default: a new framework. */
  readonly frameworkId?: string;
  /** How long the tasks outlive a lost scheduler. Milliseconds, default 60 000. More: time to come back; less: quicker cleaning up. */
  readonly failoverTimeoutMs?: number;
  /** Default {@link capabilitiesDefault}. */
  readonly capabilities?: readonly FrameworkCapability[];
  readonly principal?: string;
  readonly hostname?: string;
  readonly webuiUrl?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Checked by the master before it offers. Default: no condition. */
  readonly offerConstraints?: OfferConstraints;
}

/** What happened outside of the user's wish, and what the driver did about it. Nothing of it ends the driver. */
export type DriverTrouble =
  /** A handler threw or its promise was rejected. `status`: the update, which is not acknowledged and comes again. */
  | { readonly kind: 'handler-failed'; readonly handler: keyof SchedulerHandlers | 'demand'; readonly error: unknown; readonly status?: TaskStatus }
  /** The master ended a session that stood, for a reason that no rule knows; a new one is on its way. */
  | { readonly kind: 'session-ended'; readonly message: string };

/**
 * The author's part. Handlers may be async. Offers wait until `subscribed` and the previous `offers` are over; updates of one task come one
 * after the other, those of different tasks need not. After `driver.stop()` no handler begins.
 */
export interface SchedulerHandlers {
  /** The subscription stands, the first time or again. Whoever wants to come back after a crash stores the id here: no offer comes before. */
  subscribed?(frameworkId: FrameworkId, driver: SchedulerDriver, master: MasterInfo): MaybePromise<void>;
  /** New offers. What was neither launched on, declined nor held with `driver.hold` when this is over is declined by the driver. */
  offers?(offers: readonly Offer[], driver: SchedulerDriver): MaybePromise<void>;
  /** The offer can no longer be used, whether the user still had it or not: rescinded, expired, or lost with its session. */
  rescinded?(offerId: OfferId, driver: SchedulerDriver): MaybePromise<void>;
  /** A task's state. Acknowledged once this is over, so store before you return; a failure makes it come again. */
  update?(status: TaskStatus, driver: SchedulerDriver): MaybePromise<void>;
  /** An operation of `driver.accept` that is no launch was not carried out, as the rest of its call was. `status.message` is a sentence. */
  operationUpdate?(status: OperationStatus, driver: SchedulerDriver): MaybePromise<void>;
  /** Bytes from an executor, at most once. */
  message?(message: { readonly agentId: AgentId; readonly executorId: ExecutorId; readonly data: Uint8Array }, driver: SchedulerDriver): MaybePromise<void>;
  /** An agent is gone (no executor id), or an executor ended. A hint; the truth comes as updates. */
  failure?(
    failure: { readonly agentId?: AgentId; readonly executorId?: ExecutorId; readonly status?: number },
    driver: SchedulerDriver,
  ): MaybePromise<void>;
  /** The master did not carry out a call, nothing of it. `text` is a sentence. Tasks of a refused launch also come as TASK_ERROR. */
  refused?(refusal: RefusedCall, driver: SchedulerDriver): MaybePromise<void>;
  /** No session; the driver comes back by itself, and all offers are void. */
  disconnected?(reason: string, driver: SchedulerDriver): MaybePromise<void>;
  /** Something failed and the driver goes on. Also logged. */
  error?(trouble: DriverTrouble, driver: SchedulerDriver): void;
}

export interface RefusedCall {
  readonly callKind: string;
  readonly refusal: Refusal;
  readonly text: string;
}

/** How the driver behaves. */
export interface DriverOptions {
  /**
   * For which roles there is something to run: asked after every handler. `false` suppresses offers, `true` revives them. Also see
   * `driver.setDemand`. Default: always all.
   */
  readonly demand?: () => boolean | readonly string[];
  /** How long declined resources stay away. Seconds, default 5. More: fewer repeated offers; less: quicker use of what changed. Source: Mesos. */
  readonly refuseSeconds?: number;
  /** Tasks that an earlier process of this framework left running: the driver asks about them until it knows. */
  readonly knownTasks?: readonly { readonly taskId: TaskId; readonly agentId?: AgentId }[];
}

/** Everything that an author writes down about a scheduler. */
export interface SchedulerOptions extends FrameworkOptions, DriverOptions, SchedulerHandlers {}

/** The model's form, without an id. Throws INPUT_REFUSED naming the option. */
export function frameworkInfoOf(options: FrameworkOptions): FrameworkInfo {
  const { name, roles = ['*'], user = '', failoverTimeoutMs = failoverTimeoutMsDefault, capabilities = capabilitiesDefault } = options;
  if (typeof name !== 'string' || name === '') reject('name', name, 'a non-empty name');
  if (!(Number.isFinite(failoverTimeoutMs) && failoverTimeoutMs >= 0)) reject('failoverTimeoutMs', failoverTimeoutMs, 'milliseconds >= 0');
  for (const [i, role] of roles.entries()) {
    const checked = checkRole(role, `roles[${i}]`);
    if (!checked.ok) throw inputError(checked.refusal);
    if (roles.indexOf(role) !== i) reject(`roles[${i}]`, role, 'each role once');
  }
  for (const [i, capability] of capabilities.entries()) {
    if (!frameworkCapabilities.includes(capability)) reject(`capabilities[${i}]`, capability, `one of ${frameworkCapabilities.join(', ')}`);
  }
  if (!capabilities.includes('MULTI_ROLE') && roles.length !== 1) reject('roles', roles, 'exactly one role without the capability MULTI_ROLE');
  const info: FrameworkInfo = {
    user,
    name,
    roles,
    capabilities,
    failoverTimeoutMs,
    checkpoint: true,
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    ...(options.principal === undefined ? {} : { principal: options.principal }),
    ...(options.webuiUrl === undefined ? {} : { webuiUrl: options.webuiUrl }),
    labels: Object.entries(options.labels ?? {}).map(([key, value]) => ({ key, value })),
    offerFilters: new Map(),
  };
  checkMessageSize(info, 'framework', frameworkInfoBytesMax);
  return info;
}

/** The id to come back with; undefined for a new framework. Throws INPUT_REFUSED. */
export function frameworkIdOf({ frameworkId }: FrameworkOptions): FrameworkId | undefined {
  if (frameworkId === undefined) return undefined;
  const checked = checkFrameworkId(frameworkId, 'frameworkId');
  if (!checked.ok) throw inputError(checked.refusal);
  return checked.value;
}

/** Throws INPUT_REFUSED. */
export function refuseSecondsOf(seconds: number | undefined): number {
  const value = seconds ?? refuseSecondsDefault;
  if (!(value >= 0 && value <= refuseSecondsMax)) reject('refuseSeconds', seconds, `seconds from 0 to ${refuseSecondsMax}`);
  return value;
}

/** The sentence of a refused call. */
export function describeRefusedCall(callKind: string, refusal: Refusal): string {
  return `${callKind} was refused: ${describeRefusal(refusal)}`;
}

function reject(field: string, value: unknown, expected: string): never {
  throw inputError(refused(field, value, expected).refusal);
}
