// Explain: why an agent is, or is not, offered to a framework in a role.
//
// Owns:      the questions of a run, asked again for one framework, role and agent, with the numbers that answered them.
// Elsewhere: the run itself (division.ts), the words for people (cli/).
// Invariants:
//   X1. Nothing is changed by it, and nothing recorded for it but when an agent was last looked at and to whom it then went: it reads what runs read. So it
//       costs nothing to speak of until it is asked.
//   X2. The reason given is the first in the order in which a run asks, judged by the state as it is now. What keeps the whole agent from the
//       framework, whatever is free there, comes before what depends on that: who asks why an agent in use is never offered wants the cause that lasts.
//   X3. What a random sorter will draw is not foretold: there is no rank where ranks are drawn, and nobody is before or behind by a draw.
// Source: ours. "Why do I get no offers?" is what operators of every two-level scheduler ask; Mesos answers it by log lines at verbose level.

import { assertNever, invariant } from '../common/invariant';
import { hasCapability } from '../common/model/framework';
import type { AgentId, FrameworkId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import type { AgentLedger } from './agent-ledger';
import type { AllocatorOptions, Explanation, ExplanationReason, SorterKind, Standing } from './allocator';
import type { Bundle } from './bundle';
import type { ClusterTotals } from './cluster-totals';
import type { DeclineFilters } from './decline-filters';
import { guaranteedPart, withinQuota } from './division';
import type { FrameworkLedger } from './framework-ledger';
import type { Membership, RoleNode } from './role-node';
import { limitRoomAt, type QuotaLedger } from './quota-ledger';
import type { RoleTree } from './role-tree';
import type { ShareAccount } from './share-account';
import type { SiblingOrder } from './sibling-order';

/** The state of an allocator, to be read only. */
export interface AllocatorView {
  readonly options: AllocatorOptions;
  readonly totals: ClusterTotals;
  readonly tree: RoleTree;
  readonly quotas: QuotaLedger;
  readonly filters: DeclineFilters;
  readonly agents: ReadonlyMap<AgentId, AgentLedger>;
  readonly frameworks: ReadonlyMap<FrameworkId, FrameworkLedger>;
  readonly recovery: { readonly agentCount: number; readonly agentCountNeeded: number; readonly untilMs: number } | undefined;
}

export interface ExplainedPlace {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
}

/** Of those before the one asked about, or that may be, as many are named. */
const namedMax = 10;

export function explain(view: AllocatorView, place: ExplainedPlace, nowMs: number): Explanation {
  const { frameworkId, role, agentId } = place;
  const agent = view.agents.get(agentId);
  const member = view.frameworks.get(frameworkId)?.memberships.get(role);
  const holding = member === undefined ? undefined : agent?.holdingOf(member);
  const top = view.tree.find(role)?.top;
  return {
    frameworkId,
    role,
    agentId,
    reason: reasonFor(view, place, nowMs),
    held: holding?.allocated ?? Resources.empty,
    offeredInLastVisit: holding !== undefined && agent !== undefined && agent.lastVisitRun > 0 && holding.grantedInRun === agent.lastVisitRun,
    lastVisitMs: agent === undefined || agent.lastVisitMs < 0 ? undefined : agent.lastVisitMs,
    grantedInLastVisit: agent === undefined ? undefined : grantedInLastVisit(agent),
    free: agent?.free.resources ?? Resources.empty,
    heldBy: (agent?.holdings ?? []).map((one) => ({ frameworkId: one.member.frameworkId, role: one.member.role.path, resources: one.allocated })),
    standings: member?.isActive === true ? standingsOf(view.options, member) : [],
    quota: top?.quota === undefined ? undefined : { role: top.path, ...top.quota.quota, consumed: view.totals.named(top.consumed) },
    headroom: { required: view.totals.named(view.quotas.required), available: view.totals.named(view.quotas.available) },
    filters: member === undefined || agent === undefined ? [] : view.filters.at(member, agent).map(({ refused, lapsesAtMs }) => ({ refused: refused.resources, untilMs: lapsesAtMs })),
  };
}

function grantedInLastVisit({ lastVisitRun, lastGrantRun, lastGrantedTo, lastGrantsAfter }: AgentLedger): Explanation['grantedInLastVisit'] {
  if (lastGrantedTo === undefined || lastGrantRun !== lastVisitRun) return undefined;
  return { frameworkId: lastGrantedTo.frameworkId, role: lastGrantedTo.role.path, othersCount: lastGrantsAfter };
}

function reasonFor(view: AllocatorView, { frameworkId, role, agentId }: ExplainedPlace, nowMs: number): ExplanationReason {
  const framework = view.frameworks.get(frameworkId);
  if (framework === undefined) return { kind: 'framework-unknown' };
  const agent = view.agents.get(agentId);
  if (agent === undefined) return { kind: 'agent-unknown' };
  const member = framework.memberships.get(role);
  if (member === undefined || !member.isSubscribed) return { kind: 'role-not-subscribed' };
  if (!framework.isActive) return { kind: 'framework-inactive' };
  if (member.isSuppressed) return { kind: 'role-suppressed' };
  if (view.recovery !== undefined && nowMs < view.recovery.untilMs) return { kind: 'recovering', ...view.recovery };
  if (!agent.isActive) return { kind: 'agent-inactive' };
  if (!agent.isAllowed) return { kind: 'agent-not-allowed' };
  const gate = gateAgainst(member, agent);
  if (gate !== undefined) return gate;
  const { free } = agent;
  if (free.isEmpty) return { kind: 'nothing-free' };
  const offerable = free.allocatableTo(role);
  if (offerable.isEmpty) return { kind: 'reserved-for-others', roles: holdersIn(free) };
  return placeInLine(view, member, agent, offerable);
}

/** What a run would offer the member of `offerable`, were it asked now and no gate against it, and in which stage; or why nothing. */
type Outcome = { readonly ok: true; readonly bundle: Bundle; readonly isGuaranteed: boolean } | { readonly ok: false; readonly reason: ExplanationReason };

function outcomeFor(view: AllocatorView, member: Membership, agent: AgentLedger, offerable: Bundle): Outcome {
  const refused = (reason: ExplanationReason): Outcome => ({ ok: false, reason });
  const { framework, role } = member;
  const wanted = framework.capableOf(offerable);
  if (wanted.isEmpty) return refused({ kind: 'incapable', missing: missingFor(framework, offerable) });
  if (!framework.isAllocatable(wanted, role.path)) {
    return refused({ kind: 'too-small', bundle: wanted.resources, minAllocatable: framework.minAllocatable(role.path) });
  }
  const declined = filterAgainst(view, member, agent, wanted);
  if (declined !== undefined) return refused(declined);
  const guaranteed = role.top.isUnsatisfied ? guaranteedPart(wanted, role, agent, view.quotas, view.totals) : undefined;
  if (guaranteed !== undefined && framework.isAllocatable(guaranteed, role.path) && filterAgainst(view, member, agent, guaranteed) === undefined) {
    return { ok: true, bundle: guaranteed, isGuaranteed: true };
  }
  const bundle = withinQuota(wanted, role, agent, view.quotas, view.totals);
  if (!framework.isAllocatable(bundle, role.path)) return refused({ kind: 'quota', bundle: bundle.resources, ...cutBy(view, role, wanted) });
  const declinedPart = filterAgainst(view, member, agent, bundle);
  return declinedPart === undefined ? { ok: true, bundle, isGuaranteed: false } : refused(declinedPart);
}

/** What keeps everything of the agent from the member, now and as long as neither of them changes. */
function gateAgainst({ framework, role }: Membership, agent: AgentLedger): ExplanationReason | undefined {
  const gate = framework.gateAt(agent, role.path);
  switch (gate) {
    case 'constraint': {
      const constraint = framework.constraints?.firstFailing(role.path, agent.info);
      invariant(constraint, 'Where constraints are not satisfied, one of them fails');
      return { kind: 'constraint', constraint };
    }
    case 'gpus':
      return { kind: 'gpus' };
    case 'region':
      return { kind: 'region', region: agent.region ?? '' };
    case undefined:
      return undefined;
    default:
      return assertNever(gate);
  }
}

function filterAgainst({ filters }: AllocatorView, member: Membership, agent: AgentLedger, bundle: Bundle): ExplanationReason | undefined {
  const filter = filters.at(member, agent).find(({ refused }) => refused.contains(bundle));
  return filter === undefined ? undefined : { kind: 'filtered', bundle: bundle.resources, refused: filter.refused.resources, untilMs: filter.lapsesAtMs };
}

/** Somebody who may have the agent, too. */
interface Rival {
  readonly frameworkId: FrameworkId;
  readonly role: string;
}

/**
 * Why the member would not be offered the agent; or, if nothing speaks against it, who comes before it, or may come by a draw (X3). Those that a guarantee
 * serves come first of all.
 */
function placeInLine(view: AllocatorView, member: Membership, agent: AgentLedger, offerable: Bundle): ExplanationReason {
  const own = outcomeFor(view, member, agent, offerable);
  if (!own.ok) return own.reason;
  const ahead: Rival[] = [];
  const rivals: Rival[] = [];
  const { options } = view;
  const hasDraws = options.roleSorter === 'random' || options.frameworkSorter === 'random';
  for (const isGuaranteed of view.quotas.isHeadroomRequired ? [true, false] : [false]) {
    const isOwnStage = isGuaranteed === own.isGuaranteed;
    let isPassed = false;
    for (const other of view.tree.membersInOrder()) {
      if (other === member) isPassed = isOwnStage;
      if (ahead.length === namedMax || (isPassed && !hasDraws)) break;
      const isDrawn = isOwnStage && (other.role === member.role ? options.frameworkSorter : options.roleSorter) === 'random';
      const named = isDrawn ? rivals : ahead;
      if (other === member || (isPassed && !isDrawn) || named.length === namedMax || isKnownToRefuse(other, agent)) continue;
      if (other.framework.gateAt(agent, other.role.path) !== undefined) continue;
      const theirs = agent.free.allocatableTo(other.role.path);
      const outcome = theirs.isEmpty ? undefined : outcomeFor(view, other, agent, theirs);
      if (outcome?.ok === true && outcome.isGuaranteed === isGuaranteed) named.push({ frameworkId: other.frameworkId, role: other.role.path });
    }
    if (isOwnStage) break;
  }
  if (ahead.length > 0) return { kind: 'behind', ahead };
  const bundle = own.bundle.resources;
  return rivals.length > 0 ? { kind: 'by-chance', bundle, rivals } : { kind: 'would-be-offered', bundle };
}

/** What a run has learned is not asked again (refusal-memo.ts): in a cluster that has come to rest that is everybody. */
function isKnownToRefuse({ index }: Membership, { refusals, free }: AgentLedger): boolean {
  return refusals.isAbout(free) && refusals.has(index);
}

function standingsOf({ roleSorter, frameworkSorter }: AllocatorOptions, member: Membership): readonly Standing[] {
  const { role } = member;
  const standings = [standingIn(role.activeMembers, member, frameworkSorter), standingIn(role.competitors, role.leaf, roleSorter)];
  for (let node = role; node.parent !== undefined; node = node.parent) standings.push(standingIn(node.parent.competitors, node, roleSorter));
  return standings.reverse();
}

function standingIn<Member extends ShareAccount>(order: SiblingOrder<Member>, account: Member, sorter: SorterKind): Standing {
  const isDrawn = sorter === 'random' && order.size > 1;
  const { path, weight, grantCount, standsBack } = account;
  return {
    name: path,
    share: account.currentShare(),
    dominantResource: account.dominantResource(),
    weight,
    grantCount,
    standsBack,
    rank: isDrawn ? undefined : order.inOrder(0).indexOf(account) + 1,
    of: order.size,
  };
}

function holdersIn({ resources }: Bundle): readonly string[] {
  const holders = new Set<string>();
  resources.forEachAmount(({ reservations }) => {
    const holder = reservations[reservations.length - 1]?.role;
    if (holder !== undefined) holders.add(holder);
  });
  return [...holders].sort();
}

function missingFor(framework: FrameworkLedger, { resources }: Bundle): readonly string[] {
  const missing = new Set<string>();
  resources.forEachAmount(({ reservations, revocable, shared }) => {
    if (revocable && !hasCapability(framework.info, 'REVOCABLE_RESOURCES')) missing.add('REVOCABLE_RESOURCES');
    if (shared && !hasCapability(framework.info, 'SHARED_RESOURCES')) missing.add('SHARED_RESOURCES');
    if (reservations.length > 1 && !hasCapability(framework.info, 'RESERVATION_REFINEMENT')) missing.add('RESERVATION_REFINEMENT');
  });
  return [...missing].sort();
}

/** The names of which a limit, and of which the headroom, leaves less than there is. */
function cutBy({ totals, quotas }: AllocatorView, role: RoleNode, wanted: Bundle): { readonly cutByLimit: readonly string[]; readonly cutByHeadroom: readonly string[] } {
  const cutByLimit: string[] = [];
  const cutByHeadroom: string[] = [];
  for (const [name, milli] of totals.named(wanted.quotaScalars)) {
    const index = totals.indexOf(name);
    if (milli > limitRoomAt(role.top, index)) cutByLimit.push(name);
    if (quotas.isHeadroomRequired && milli > quotas.surplusAt(index)) cutByHeadroom.push(name);
  }
  return { cutByLimit, cutByHeadroom };
}
