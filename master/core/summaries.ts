// Summaries: the master's records as people see them.
//
// Owns:      turning records into the plain data of operator replies.
// Elsewhere: which of them were asked for (operator.ts), tasks (tasks.ts, because rings keep task summaries too).
// Source: our choice; made on demand, so that nothing is kept up to date for nobody.

import type { AgentSummary, FrameworkSummary, OfferSummary, RoleSummary } from '../../common/model/operator-protocol';
import type { FrameworkInfo, Quantities } from '../../common/model/framework';
import type { QuotaConfig } from '../../common/model/quota';
import { Resources } from '../../common/model/resources';
import { sizeOf } from '../../common/model/message-size';
import { cutText } from './cut-text';
import type { Agent, Framework, MasterState, OpenOffer, UnreachableAgent } from './master-state';
import { consumption } from './quota';
import { executorsOn } from './tasks';

export function summarizeAgent(agent: Agent): AgentSummary {
  const offered = Resources.sum([...agent.offers].map((offer) => offer.resources));
  const ofTasks = [...agent.tasks].filter((task) => task.isCharged).map((task) => task.resources);
  const ofExecutors = executorsOn(agent).map((executor) => executor.resources);
  const ofStrays = [...agent.strays.values()].map((stray) => stray.resources);
  return {
    id: agent.id,
    info: agent.info,
    version: agent.version,
    state: agent.presence.kind,
    ...(agent.registeredAtWallMs === undefined ? {} : { registeredAtMs: agent.registeredAtWallMs }),
    total: agent.info.resources,
    offered,
    allocated: Resources.sum([...ofTasks, ...ofExecutors, ...ofStrays]),
    taskCount: agent.tasks.size,
  };
}

export function summarizeUnreachableAgent({ id, info, version, sinceMs }: UnreachableAgent): AgentSummary {
  return {
    id,
    info,
    version,
    state: 'unreachable',
    unreachableSinceMs: sinceMs,
    total: info.resources,
    offered: Resources.empty,
    allocated: Resources.empty,
    taskCount: 0,
  };
}

export function summarizeFramework(state: MasterState, framework: Framework): FrameworkSummary {
  const { offerHoldCount } = framework;
  return {
    id: framework.id,
    info: shownInfo(framework.info),
    state: framework.connection.kind,
    suppressedRoles: [...framework.suppressedRoles],
    ...(framework.subscribedAtWallMs === undefined ? {} : { subscribedAtMs: framework.subscribedAtWallMs }),
    offerCount: framework.offers.size,
    taskCount: framework.tasks.size,
    allocated: allocatedTo(state, framework),
    ...(offerHoldCount === 0 ? {} : { offerHoldMeanMs: framework.offerHoldSumMs / offerHoldCount }),
  };
}

/** Bytes of a description that is shown whole. Ours: a thousand roles fit in; a list of frameworks must not be as long as each of them likes. */
const infoBytesMax = 64 * 1024;

/** What a framework says of itself, or, where that is very long, the beginnings of its texts and roles. */
function shownInfo(info: FrameworkInfo): FrameworkInfo {
  if (sizeOf(info) <= infoBytesMax) return info;
  const { hostname, principal, webuiUrl, ...rest } = info;
  return {
    ...rest,
    user: cutText(info.user),
    name: cutText(info.name),
    roles: info.roles.slice(0, 20).map(cutText),
    ...(hostname === undefined ? {} : { hostname: cutText(hostname) }),
    ...(principal === undefined ? {} : { principal: cutText(principal) }),
    ...(webuiUrl === undefined ? {} : { webuiUrl: cutText(webuiUrl) }),
    labels: [],
    offerFilters: new Map(),
  };
}

/** Charged in the allocator, without what is only offered. */
function allocatedTo(state: MasterState, framework: Framework): Quantities {
  const sums = new Map<string, number>();
  const add = (quantities: Quantities, sign: 1 | -1): void => {
    for (const [name, milli] of quantities) sums.set(name, (sums.get(name) ?? 0) + sign * milli);
  };
  for (const resources of state.allocator.charged(framework.id).values()) add(resources.quantities(), 1);
  for (const offer of framework.offers) add(offer.resources.quantities(), -1);
  return new Map([...sums].filter(([, milli]) => milli !== 0));
}

export function summarizeOffer(state: MasterState, offer: OpenOffer): OfferSummary {
  return {
    id: offer.id,
    frameworkId: offer.framework.id,
    agentId: offer.agent.id,
    hostname: offer.agent.info.hostname,
    role: offer.role,
    resources: offer.resources,
    ageMs: state.nowMs - offer.madeAtMs,
    ...(offer.timeout === undefined ? {} : { expiresInMs: Math.max(0, offer.timeout.atMs - state.nowMs) }),
  };
}

/** Every role that a framework is subscribed to, holds something in, or that has a weight, a quota or a reservation of its own. */
export function summarizeRoles(state: MasterState): RoleSummary[] {
  const roles = new Map<string, RoleSummary>();
  const consumed = consumption(state);
  const quotaOf = (role: string): { quota?: QuotaConfig } => {
    const quota = state.quotas.get(role);
    return quota === undefined ? {} : { quota };
  };
  for (const role of [...state.weights.keys(), ...state.quotas.keys()]) {
    const weight = state.weights.get(role) ?? 1;
    roles.set(role, { role, weight, share: 0, frameworkIds: [], allocated: new Map(), reserved: new Map(), consumed: new Map(), ...quotaOf(role) });
  }
  for (const { role, weight, share, dominantResource, frameworkIds, charged, reserved } of state.allocator.roles()) {
    roles.set(role, {
      role,
      weight,
      share,
      ...(dominantResource === undefined ? {} : { dominantResource }),
      frameworkIds,
      allocated: charged,
      reserved,
      consumed: consumed.get(role) ?? new Map<string, number>(),
      ...quotaOf(role),
    });
  }
  return [...roles.values()].sort((one, other) => (one.role < other.role ? -1 : 1));
}
