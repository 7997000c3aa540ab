// Eligibility: which agents, and what of them, a framework may be offered at all.
//
// Owns:      the capability gates and the evaluation of offer constraints.
// Elsewhere: validation of constraints and refusal of those with regular expressions (the master's subscription checks), decline filters
//            (decline-filters.ts), minimum size (minimum-size.ts).
// Invariants:
//   E1. What is eligible depends on the framework's info, the role and the agent's info alone; it changes only when one of them does.
// Source: Mesos capability gates and OfferConstraints (reference 5.6; scheduler reference, offer constraints).

import { assertNever, BugError } from '../common/invariant';
import type { AgentInfo, Attribute } from '../common/model/agent';
import { hasCapability, type FrameworkInfo } from '../common/model/framework';
import type { Resource, Resources } from '../common/model/resources';
import type { AttributeConstraint } from '../common/model/scheduler-protocol';

/** Whether the framework may have anything of an agent with this total: agents with GPUs are kept for those who know what to do with them. */
export function mayReceiveAgent(info: FrameworkInfo, total: Resources): boolean {
  return hasCapability(info, 'GPU_RESOURCES') || total.scalar('gpus') === 0;
}

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

/** Whether the agent satisfies the groups of a role: OR over groups, AND within one. Undefined: no constraint. */
export function satisfiesConstraints(groups: readonly (readonly AttributeConstraint[])[] | undefined, agent: AgentInfo): boolean {
  return groups === undefined || groups.some((group) => group.every((constraint) => satisfies(constraint, agent)));
}

function satisfies({ selector, predicate }: AttributeConstraint, agent: AgentInfo): boolean {
  const selected = select(selector, agent);
  switch (predicate.kind) {
    case 'exists':
      return selected !== undefined;
    case 'not-exists':
      return selected === undefined;
    // Equality speaks of text only: an attribute of another kind satisfies both forms. Source: Mesos.
    case 'text-equals':
      return selected !== undefined && (selected.kind !== 'text' || selected.text === predicate.value);
    case 'text-not-equals':
      return selected === undefined || selected.kind !== 'text' || selected.text !== predicate.value;
    case 'text-matches':
    case 'text-not-matches':
      throw new BugError(`The master refuses constraints with regular expressions, got ${JSON.stringify(predicate.regex)}`);
    default:
      return assertNever(predicate);
  }
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
