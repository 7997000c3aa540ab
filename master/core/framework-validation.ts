// Framework validation: who may subscribe as what.
//
// Owns:      the rules for FrameworkInfo, suppressed roles and offer constraints.
// Elsewhere: types and enum names (proto/'s codecs refuse those); what changes at a re-subscription (frameworks.ts).
// Source: Mesos FrameworkInfo validation (reference, 5.3, in this order) and offer constraints (6.1). Ours: bounds on the numbers of roles, of amounts
//         in offer filters, of constraints and of regular expressions, and on the size of the info. They hold for who subscribes, not for what an agent reports of a framework that
//         was let in once.

import type { Refusal } from '../../common/refusal';
import { refused } from '../../common/refusal';
import type { FrameworkInfo } from '../../common/model/framework';
import { hasCapability } from '../../common/model/framework';
import { checkFrameworkId } from '../../common/model/ids';
import { frameworkInfoBytesMax, sizeOf } from '../../common/model/message-size';
import type { RegexCompiler } from '../../common/model/regex';
import { checkRole } from '../../common/model/role';
import type { OfferConstraints } from '../../common/model/scheduler-protocol';
import { roleCountMax } from './master-state';

/** About 292 years, in ms: what a duration of nanoseconds in 64 bits can say. Source: Mesos. */
export const failoverTimeoutMsMax = 9_223_372_036_854;

/** In all constraints of a framework. Ours: each costs something for every agent that is looked at. */
export const regexCountMax = 100;

/**
 * Constraints in all groups of all roles. Ours: each may be asked of every agent in a run, for some thirty nanoseconds: thirty milliseconds for all of
 * them and a thousand agents. Real ones name a handful of racks and hosts.
 */
export const constraintCountMax = 1_000;

/** Amounts in the offer filters of all roles, likewise. */
export const filterAmountCountMax = 1_000;

export interface Subscription {
  readonly frameworkInfo: FrameworkInfo;
  readonly suppressedRoles: readonly string[];
  readonly offerConstraints: OfferConstraints;
}

/** The first rule broken, or undefined. `call` prefixes the field: `subscribe` or `update_framework`. */
export function frameworkRefusal(
  { frameworkInfo, suppressedRoles, offerConstraints }: Subscription,
  call: string,
  compileRegex: RegexCompiler,
): Refusal | undefined {
  return (
    infoRefusal(frameworkInfo, `${call}.framework_info`) ??
    filterCountRefusal(frameworkInfo, `${call}.framework_info.offer_filters`) ??
    sizeRefusal(frameworkInfo, `${call}.framework_info`) ??
    subsetRefusal(suppressedRoles, frameworkInfo, (index) => `${call}.suppressed_roles[${index}]`) ??
    constraintsRefusal(offerConstraints, frameworkInfo, `${call}.offer_constraints.role_constraints`) ??
    regexRefusal(offerConstraints, `${call}.offer_constraints.role_constraints`, compileRegex)
  );
}

export function infoRefusal(info: FrameworkInfo, field: string): Refusal | undefined {
  const { roles } = info;
  if (!hasCapability(info, 'MULTI_ROLE') && roles.length !== 1) {
    return refused(`${field}.roles`, roles, 'exactly one role without the capability MULTI_ROLE').refusal;
  }
  if (roles.length > roleCountMax) return refused(`${field}.roles`, roles.length, `at most ${roleCountMax} roles`).refusal;
  const seen = new Set<string>();
  for (const [index, role] of roles.entries()) {
    if (seen.has(role)) return refused(`${field}.roles[${index}]`, role, 'each role once').refusal;
    seen.add(role);
    const checked = checkRole(role, `${field}.roles[${index}]`);
    if (!checked.ok) return checked.refusal;
  }
  if (info.id !== undefined) {
    const checked = checkFrameworkId(info.id, `${field}.id`);
    if (!checked.ok) return checked.refusal;
  }
  for (const [role, filter] of info.offerFilters) {
    for (const [index, quantities] of filter.minAllocatable.entries()) {
      const at = `${field}.offer_filters["${role}"].min_allocatable_resources.quantities[${index}]`;
      if (quantities.size === 0) return refused(at, 'nothing', 'at least one quantity').refusal;
      for (const [name, milli] of quantities) {
        if (!Number.isFinite(milli) || milli < 0) return refused(`${at}.${name}`, milli / 1000, 'a finite number >= 0').refusal;
      }
    }
  }
  if (!Number.isFinite(info.failoverTimeoutMs) || Math.abs(info.failoverTimeoutMs) > failoverTimeoutMsMax) {
    return refused(`${field}.failover_timeout`, info.failoverTimeoutMs / 1000, `a number of seconds within ${failoverTimeoutMsMax / 1000} of 0`).refusal;
  }
  return undefined;
}

function sizeRefusal(info: FrameworkInfo, field: string): Refusal | undefined {
  const size = sizeOf(info);
  return size > frameworkInfoBytesMax ? refused(field, `up to ${size} bytes`, `at most ${frameworkInfoBytesMax} bytes, as it goes along with each task`).refusal : undefined;
}

function filterCountRefusal({ offerFilters }: FrameworkInfo, field: string): Refusal | undefined {
  if (offerFilters.size > roleCountMax) return refused(field, `filters of ${offerFilters.size} roles`, `filters of at most ${roleCountMax} roles`).refusal;
  let count = 0;
  for (const { minAllocatable } of offerFilters.values()) for (const quantities of minAllocatable) count += quantities.size;
  return count > filterAmountCountMax ? refused(field, `${count} amounts`, `at most ${filterAmountCountMax} amounts in all`).refusal : undefined;
}

/** Refuses the first role that the framework is not subscribed to. */
export function subsetRefusal(roles: readonly string[], info: FrameworkInfo, fieldOf: (index: number) => string): Refusal | undefined {
  const own = new Set(info.roles);
  for (const [index, role] of roles.entries()) {
    if (!own.has(role)) return refused(fieldOf(index), role, `a role of the framework (${describeRoles(info.roles)})`).refusal;
  }
  return undefined;
}

function constraintsRefusal(constraints: OfferConstraints, info: FrameworkInfo, field: string): Refusal | undefined {
  const own = new Set(info.roles);
  let count = 0;
  for (const groups of constraints.values()) for (const group of groups) count += group.length;
  if (count > constraintCountMax) return refused(field, `${count} constraints`, `at most ${constraintCountMax} constraints in all`).refusal;
  for (const [role, groups] of constraints) {
    const at = `${field}["${role}"]`;
    if (!own.has(role)) return refused(at, role, `a role of the framework (${describeRoles(info.roles)})`).refusal;
    if (groups.length === 0) return refused(`${at}.groups`, groups, 'at least one group').refusal;
    for (const [index, group] of groups.entries()) {
      if (group.length === 0) return refused(`${at}.groups[${index}].attribute_constraints`, group, 'at least one constraint').refusal;
    }
  }
  return undefined;
}

/** What does not compile here never reaches the allocator, which compiles with the same limits. */
function regexRefusal(constraints: OfferConstraints, field: string, compileRegex: RegexCompiler): Refusal | undefined {
  let count = 0;
  for (const [role, groups] of constraints) {
    for (const [index, group] of groups.entries()) {
      for (const [position, { predicate }] of group.entries()) {
        if (predicate.kind !== 'text-matches' && predicate.kind !== 'text-not-matches') continue;
        const at = `${field}["${role}"].groups[${index}].attribute_constraints[${position}].predicate.${predicate.kind.replaceAll('-', '_')}.regex`;
        count += 1;
        if (count > regexCountMax) return refused(at, predicate.regex, `at most ${regexCountMax} regular expressions in all constraints`).refusal;
        const compiled = compileRegex(predicate.regex);
        if (!compiled.ok) return refused(at, predicate.regex, compiled.expected).refusal;
      }
    }
  }
  return undefined;
}

function describeRoles(roles: readonly string[]): string {
  if (roles.length === 0) return 'it has none';
  const shown = roles.slice(0, 10).join(', ');
  return roles.length > 10 ? `${shown} and ${roles.length - 10} more` : shown;
}
