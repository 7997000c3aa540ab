// Explanations: why a framework is or is not offered things, and what would be if.
//
// Owns:      EXPLAIN and WHAT_IF: whether the question can be asked, the allocator's answers in the words of the operator protocol.
// Elsewhere: working the answers out (allocator/), their form (common/model/explanation.ts), sentences for people (cli/).
// Invariants:
//   E1. A question changes nothing.
// Source: ours.

import type { Explanation as Found, ExplanationReason, Standing as FoundStanding, WhatIfChange as Change, WhatIfEffect as Effect } from '../../allocator/allocator';
import { assertNever } from '../../common/invariant';
import type { Explanation, Reason, Standing, WhatIfChange, WhatIfDivision, WhatIfEffect } from '../../common/model/explanation';
import type { Quantities } from '../../common/model/framework';
import type { AgentId, FrameworkId } from '../../common/model/ids';
import type { OperatorReply } from '../../common/model/operator-protocol';
import { checkQuotaConfig, quotaFieldsBelow } from '../../common/model/quota';
import { checkRole } from '../../common/model/role';
import { accepted, refused, type Checked } from '../../common/refusal';
import { checkAgentInfo } from './agent-report';
import type { Agent, MasterState } from './master-state';

/** Explanations in one answer. Ours: beyond it a picture of the cluster is clear, and other work has waited for long enough. */
export const explanationCountMax = 2_000;
/** Changes of one question, and agents that it adds. Ours: more than anybody types; two copies of the cluster are divided while nobody else is served. */
export const changeCountMax = 100;
export const addedAgentCountMax = 1_000;

export function explain(
  state: MasterState,
  question: { readonly frameworkId: FrameworkId; readonly role?: string; readonly agentId?: AgentId },
): OperatorReply {
  const framework = state.frameworks.get(question.frameworkId);
  if (framework === undefined) return { kind: 'refused', refusal: refused('framework_id', question.frameworkId, 'a framework that is not completed').refusal };
  const agents = agentsNamed(state, question.agentId);
  if (!agents.ok) return { kind: 'refused', refusal: agents.refusal };
  const roles = question.role === undefined ? framework.info.roles : [question.role];
  const explanations: Explanation[] = [];
  for (const role of roles) {
    let isDetailed = true;
    for (const agent of agents.value) {
      if (explanations.length >= explanationCountMax) break;
      const found = state.allocator.explain(framework.id, role, agent.id, state.nowMs);
      explanations.push(describe(found, agent, state.nowMs, isDetailed));
      isDetailed = question.agentId !== undefined;
    }
  }
  return { kind: 'explanations', frameworkName: framework.info.name, explanations, omittedCount: roles.length * agents.value.length - explanations.length };
}

function agentsNamed(state: MasterState, agentId: AgentId | undefined): Checked<readonly Agent[]> {
  if (agentId === undefined) return accepted([...state.agents.values()]);
  const agent = state.agents.get(agentId);
  return agent === undefined ? refused('agent_id', agentId, 'an agent that is not unreachable') : accepted([agent]);
}

/** In the form for people: spans of time for points of the master's clock; without what is the same, or too much, for every agent. */
function describe(found: Found, agent: Agent, nowMs: number, isDetailed: boolean): Explanation {
  const { quota } = found;
  return {
    frameworkId: found.frameworkId,
    role: found.role,
    agentId: found.agentId,
    hostname: agent.info.hostname,
    reason: describeReason(found.reason, nowMs),
    held: found.held,
    offeredInLastVisit: found.offeredInLastVisit,
    ...(found.lastVisitMs === undefined ? {} : { lastVisitAgeMs: nowMs - found.lastVisitMs }),
    ...(found.grantedInLastVisit === undefined ? {} : { grantedInLastVisit: found.grantedInLastVisit }),
    free: found.free,
    heldBy: isDetailed ? found.heldBy : [],
    standings: isDetailed ? found.standings.map(describeStanding) : [],
    ...(quota === undefined
      ? {}
      : { quota: { config: { role: quota.role, guarantees: quota.guarantees, limits: quota.limits }, consumed: present(quota.consumed) } }),
    headroom: { required: present(found.headroom.required), available: present(found.headroom.available) },
    filters: found.filters.map((filter) => ({ refused: filter.refused, remainingMs: remaining(filter.untilMs, nowMs) })),
  };
}

function describeStanding({ dominantResource, rank, ...rest }: FoundStanding): Standing {
  return { ...rest, ...(dominantResource === undefined ? {} : { dominantResource }), ...(rank === undefined ? {} : { rank }) };
}

function describeReason(reason: ExplanationReason, nowMs: number): Reason {
  switch (reason.kind) {
    case 'framework-unknown':
    case 'agent-unknown':
    case 'role-not-subscribed':
    case 'framework-inactive':
    case 'role-suppressed':
    case 'agent-inactive':
    case 'agent-not-allowed':
    case 'nothing-free':
    case 'gpus':
      return { kind: reason.kind };
    case 'recovering':
      return { kind: 'recovering', agentCount: reason.agentCount, agentCountNeeded: reason.agentCountNeeded, remainingMs: remaining(reason.untilMs, nowMs) };
    case 'filtered':
      return { kind: 'filtered', bundle: reason.bundle, refused: reason.refused, remainingMs: remaining(reason.untilMs, nowMs) };
    case 'behind':
    case 'reserved-for-others':
    case 'constraint':
    case 'region':
    case 'incapable':
    case 'too-small':
    case 'quota':
    case 'by-chance':
    case 'would-be-offered':
      return reason;
    default:
      return assertNever(reason);
  }
}

function remaining(untilMs: number, nowMs: number): number {
  return Math.max(0, untilMs - nowMs);
}

/** Without what is zero or less: a wire amount is not negative. */
function present(quantities: Quantities): Quantities {
  return new Map([...quantities].filter(([, milli]) => milli > 0));
}

// What if

export function whatIf(state: MasterState, question: { readonly changes: readonly WhatIfChange[]; readonly division: WhatIfDivision }): OperatorReply {
  const changes = checkChanges(state, question.changes);
  if (!changes.ok) return { kind: 'refused', refusal: changes.refusal };
  const answer = state.allocator.whatIf({ changes: changes.value, division: question.division }, state.nowMs);
  if (answer.kind === 'too-many-filters') {
    const expected = `"afresh", as the next batch is foreseen with at most ${answer.filterCountMax} decline filters on free agents, and there are ${answer.filterCount}`;
    return { kind: 'refused', refusal: refused('division', question.division, expected).refusal };
  }
  const named = (effects: readonly Effect[]): WhatIfEffect[] => effects.map((effect) => nameEffect(state, effect));
  return { kind: 'what-if', effects: named(answer.effects), gains: named(answer.gains), loses: named(answer.loses), starves: named(answer.starves) };
}

function nameEffect(state: MasterState, { frameworkId, role, before, after }: Effect): WhatIfEffect {
  return {
    frameworkId,
    frameworkName: state.frameworks.get(frameworkId)?.info.name ?? '',
    role,
    ...(before === undefined ? {} : { before: { share: before.share, held: present(before.held) } }),
    ...(after === undefined ? {} : { after: { share: after.share, held: present(after.held) } }),
  };
}

function checkChanges(state: MasterState, changes: readonly WhatIfChange[]): Checked<readonly Change[]> {
  if (changes.length > changeCountMax) return refused('changes', changes.length, `at most ${changeCountMax} changes`);
  const checked: Change[] = [];
  const gone = new Set<AgentId | FrameworkId>();
  let addedCount = 0;
  for (const [index, change] of changes.entries()) {
    const one = checkChange(state, change, `changes[${index}]`, gone);
    if (!one.ok) return one;
    const { value } = one;
    if (value.kind === 'add-agents') addedCount += value.count;
    checked.push(value);
  }
  return addedCount > addedAgentCountMax ? refused('changes', `${addedCount} added agents`, `at most ${addedAgentCountMax} of them`) : accepted(checked);
}

/** `gone`: agents and frameworks that earlier changes have taken away; what this one takes away is added. */
function checkChange(state: MasterState, change: WhatIfChange, field: string, gone: Set<AgentId | FrameworkId>): Checked<Change> {
  switch (change.kind) {
    case 'weight': {
      const role = checkRole(change.role, `${field}.weight.role`);
      if (!role.ok) return role;
      const isWeight = Number.isFinite(change.weight) && change.weight > 0;
      return isWeight ? accepted(change) : refused(`${field}.weight.weight`, change.weight, 'a finite number > 0');
    }
    case 'quota': {
      const config = checkQuotaConfig({ role: change.role, guarantees: change.guarantees, limits: change.limits }, quotaFieldsBelow(`${field}.quota`));
      if (!config.ok) return config;
      const { role, guarantees, limits } = config.value;
      return accepted({ kind: 'quota', role, quota: { guarantees, limits } });
    }
    case 'add-agents': {
      const info = checkAgentInfo(change.info);
      if (!info.ok) return { ok: false, refusal: { ...info.refusal, field: `${field}.add_agents.${info.refusal.field}` } };
      const isCount = Number.isSafeInteger(change.count) && change.count >= 1;
      return isCount ? accepted({ kind: 'add-agents', info: info.value, count: change.count }) : refused(`${field}.add_agents.count`, change.count, 'a whole number >= 1');
    }
    case 'remove-agents': {
      for (const [index, agentId] of change.agentIds.entries()) {
        const isThere = state.agents.get(agentId)?.isInAllocator === true && !gone.has(agentId);
        if (!isThere) return refused(`${field}.remove_agents.agent_ids[${index}]`, agentId, 'an agent that is registered, once');
        gone.add(agentId);
      }
      return accepted({ kind: 'remove-agents', agentIds: change.agentIds });
    }
    case 'remove-framework': {
      const { frameworkId } = change;
      const isThere = state.frameworks.has(frameworkId) && !gone.has(frameworkId);
      if (!isThere) return refused(`${field}.remove_framework.framework_id`, frameworkId, 'a framework that is not completed, once');
      gone.add(frameworkId);
      return accepted({ kind: 'remove-framework', id: frameworkId });
    }
    default:
      return assertNever(change);
  }
}
