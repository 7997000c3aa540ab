// Eligibility: which agents, and what of them, a framework may be offered at all.
//
// Owns:      what a framework's capabilities leave of resources, and the evaluation of offer constraints.
// Elsewhere: validation of constraints, and refusal of regular expressions that do not compile (the master's subscription checks), the engine
//            that matches them (common/model/regex.ts), decline filters (decline-filters.ts), minimum size (bundle.ts).
// Invariants:
//   E1. What is eligible depends on the framework's info, its constraints, the role and the agent's info alone; it changes only when one of
//       them does.
//   E2. A run compiles nothing: constraints are compiled when a framework subscribes or updates them.
// Source: Mesos capability gates and OfferConstraints (reference 5.6; scheduler reference, offer constraints).

import { assertNever, BugError } from '../common/invariant';
import type { AgentInfo, Attribute } from '../common/model/agent';
import { hasCapability, type FrameworkInfo } from '../common/model/framework';
import type { RegexCompiler } from '../common/model/regex';
import type { Resource, Resources } from '../common/model/resources';
import type { AttributeConstraint, OfferConstraints } from '../common/model/scheduler-protocol';

/** `resources` without what the framework is not capable of: revocable, shared, and reservations that are refined (deeper than one). */
export function withoutIncapable(info: FrameworkInfo, resources: Resources): Resources {
  const takesRevocable = hasCapability(info, 'REVOCABLE_RESOURCES');
  const takesShared = hasCapability(info, 'SHARED_RESOURCES');
  const takesRefined = hasCapability(info, 'RESERVATION_REFINEMENT');
  return resources.filter(
    (resource: Resource) =>
      (takesRevocable || !resource.revocable) && (takesShared || !resource.shared) && (takesRefined || resource.reservations.length <= 1),
  );
}

/** The offer constraints of one framework, ready to be asked about agents in every run. */
export interface CompiledConstraints {
  /** OR over the groups of the role, AND within one; a role without constraints is content with any agent. */
  isSatisfied(role: string, agent: AgentInfo): boolean;
  /** What to tell of an agent that does not satisfy the role: the first constraint of the first group that fails. Undefined: it satisfies. */
  firstFailing(role: string, agent: AgentInfo): AttributeConstraint | undefined;
}

interface Condition {
  readonly constraint: AttributeConstraint;
  readonly holds: (agent: AgentInfo) => boolean;
}

/** Once per subscription: expressions are compiled here and never again (E2). Throws BugError for one that does not compile. */
export function compileConstraints(constraints: OfferConstraints, compileRegex: RegexCompiler): CompiledConstraints {
  const groupsByRole = new Map<string, readonly (readonly Condition[])[]>();
  for (const [role, groups] of constraints) {
    groupsByRole.set(role, groups.map((group) => group.map((constraint) => ({ constraint, holds: conditionOf(constraint, compileRegex) }))));
  }
  const isSatisfied = (role: string, agent: AgentInfo): boolean => {
    const groups = groupsByRole.get(role);
    return groups === undefined || groups.some((group) => group.every(({ holds }) => holds(agent)));
  };
  return {
    isSatisfied,
    firstFailing: (role, agent) =>
      isSatisfied(role, agent) ? undefined : groupsByRole.get(role)?.[0]?.find(({ holds }) => !holds(agent))?.constraint,
  };
}

/** The two polarities of a predicate on text, and the rule that predicates on text say nothing about other kinds. Source: Mesos. */
function conditionOf({ selector, predicate }: AttributeConstraint, compileRegex: RegexCompiler): Condition['holds'] {
  const holdsForText = (test: (text: string) => boolean, ifMissing: boolean) => (agent: AgentInfo) => {
    const selected = select(selector, agent);
    if (selected === undefined) return ifMissing;
    return selected.kind !== 'text' || test(selected.text);
  };
  switch (predicate.kind) {
    case 'exists':
      return (agent) => select(selector, agent) !== undefined;
    case 'not-exists':
      return (agent) => select(selector, agent) === undefined;
    case 'text-equals':
      return holdsForText((text) => text === predicate.value, false);
    case 'text-not-equals':
      return holdsForText((text) => text !== predicate.value, true);
    case 'text-matches':
      return holdsForText(compiled(predicate.regex, compileRegex), false);
    case 'text-not-matches': {
      const matches = compiled(predicate.regex, compileRegex);
      return holdsForText((text) => !matches(text), true);
    }
    default:
      return assertNever(predicate);
  }
}

function compiled(regex: string, compileRegex: RegexCompiler): (text: string) => boolean {
  const result = compileRegex(regex);
  if (!result.ok) throw new BugError(`The owner of the allocator refuses regular expressions that do not compile, got ${JSON.stringify(regex)}, expected ${result.expected}`);
  return result.matches;
}

/** The *first* attribute of that name (Mesos), or what the agent says of itself as if it were a text attribute. */
function select(selector: AttributeConstraint['selector'], agent: AgentInfo): Attribute | undefined {
  if (selector.kind === 'attribute') return agent.attributes.find((attribute) => attribute.name === selector.name);
  const { name } = selector;
  switch (name) {
    case 'HOSTNAME':
      return asText(name, agent.hostname);
    case 'REGION':
      return asText(name, agent.domain?.faultDomain?.region);
    case 'ZONE':
      return asText(name, agent.domain?.faultDomain?.zone);
    default:
      return assertNever(name);
  }
}

function asText(name: string, text: string | undefined): Attribute | undefined {
  return text === undefined ? undefined : { name, kind: 'text', text };
}
