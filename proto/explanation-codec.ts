// Explanation codec: why and what if, wire <-> domain.
//
// Owns:      one table for each message of an explanation, and for the changes and effects of a what-if question.
// Elsewhere: the calls and replies that carry them (operator-codec.ts), constraints (scheduler-codec.ts), shared messages (vocabulary-codec.ts).
// Source: operator.proto.

import type { Explanation, Membership, PlainReasonKind, Reason, Standing, WhatIfChange, WhatIfDivision, WhatIfEffect, WhatIfHolding } from '../common/model/explanation';
import type { Resources } from '../common/model/resources';
import { byMember, codec, count, enumeration, finite, flag, message, Rejection, text, type Codec, type Inside } from './codec';
import { resourceList } from './resource-codec';
import { attributeConstraint } from './scheduler-codec';
import { agentIdMessage, agentInfo, frameworkIdMessage, quantitiesMessage, quotaConfig } from './vocabulary-codec';
import type { Explanation as WireExplanation } from './generated/allot/v1/Explanation';
import type { OperatorCall as WireCall } from './generated/allot/v1/OperatorCall';
import type { WhatIfEffect as WireEffect } from './generated/allot/v1/WhatIfEffect';

type R<Kind extends Reason['kind']> = Extract<Reason, { readonly kind: Kind }>;
type WireReason = Inside<WireExplanation, 'reason'>;

const plain = <Kind extends PlainReasonKind>(kind: Kind): Codec<{ readonly kind: Kind }, object> =>
  message<{ readonly kind: Kind }, object>((field) => ({ kind: field.kind(kind) }));

type WireMembership = Inside<Inside<WireReason, 'behind'>, 'ahead'>;
const membership = message<Membership, WireMembership>((field) => ({ frameworkId: field.required('framework_id', frameworkIdMessage), role: field.required('role', text) }));

const reason = byMember<Reason, WireReason>((member) => ({
  'framework-unknown': member('framework_unknown', plain('framework-unknown')),
  'agent-unknown': member('agent_unknown', plain('agent-unknown')),
  'role-not-subscribed': member('role_not_subscribed', plain('role-not-subscribed')),
  'framework-inactive': member('framework_inactive', plain('framework-inactive')),
  'role-suppressed': member('role_suppressed', plain('role-suppressed')),
  'agent-inactive': member('agent_inactive', plain('agent-inactive')),
  'agent-not-allowed': member('agent_not_allowed', plain('agent-not-allowed')),
  recovering: member(
    'recovering',
    message<R<'recovering'>, Inside<WireReason, 'recovering'>>((field) => ({
      kind: field.kind('recovering'),
      agentCount: field.required('agent_count', count),
      agentCountNeeded: field.required('agent_count_needed', count),
      remainingMs: field.required('remaining_ms', finite),
    })),
  ),
  'nothing-free': member('nothing_free', plain('nothing-free')),
  'reserved-for-others': member(
    'reserved_for_others',
    message<R<'reserved-for-others'>, Inside<WireReason, 'reserved_for_others'>>((field) => ({ kind: field.kind('reserved-for-others'), roles: field.repeated('roles', text) })),
  ),
  constraint: member(
    'constraint',
    message<R<'constraint'>, Inside<WireReason, 'constraint'>>((field) => ({ kind: field.kind('constraint'), constraint: field.required('constraint', attributeConstraint) })),
  ),
  gpus: member('gpus', plain('gpus')),
  region: member('region', message<R<'region'>, Inside<WireReason, 'region'>>((field) => ({ kind: field.kind('region'), region: field.required('region', text) }))),
  incapable: member(
    'incapable',
    message<R<'incapable'>, Inside<WireReason, 'incapable'>>((field) => ({ kind: field.kind('incapable'), missing: field.repeated('missing', text) })),
  ),
  'too-small': member(
    'too_small',
    message<R<'too-small'>, Inside<WireReason, 'too_small'>>((field) => ({
      kind: field.kind('too-small'),
      bundle: field.whole('bundle', resourceList),
      minAllocatable: field.repeated('min_allocatable_resources', quantitiesMessage),
    })),
  ),
  quota: member(
    'quota',
    message<R<'quota'>, Inside<WireReason, 'quota'>>((field) => ({
      kind: field.kind('quota'),
      bundle: field.whole('bundle', resourceList),
      cutByLimit: field.repeated('cut_by_limit', text),
      cutByHeadroom: field.repeated('cut_by_headroom', text),
    })),
  ),
  filtered: member(
    'filtered',
    message<R<'filtered'>, Inside<WireReason, 'filtered'>>((field) => ({
      kind: field.kind('filtered'),
      bundle: field.whole('bundle', resourceList),
      refused: field.whole('refused', resourceList),
      remainingMs: field.required('remaining_ms', finite),
    })),
  ),
  behind: member(
    'behind',
    message<R<'behind'>, Inside<WireReason, 'behind'>>((field) => ({ kind: field.kind('behind'), ahead: field.repeated('ahead', membership) })),
  ),
  'would-be-offered': member(
    'would_be_offered',
    message<R<'would-be-offered'>, Inside<WireReason, 'would_be_offered'>>((field) => ({ kind: field.kind('would-be-offered'), bundle: field.whole('bundle', resourceList) })),
  ),
  'by-chance': member(
    'by_chance',
    message<R<'by-chance'>, Inside<WireReason, 'by_chance'>>((field) => ({
      kind: field.kind('by-chance'),
      bundle: field.whole('bundle', resourceList),
      rivals: field.repeated('rivals', membership),
    })),
  ),
}));

const standing = message<Standing, Inside<WireExplanation, 'standings'>>((field) => ({
  name: field.required('name', text),
  share: field.required('share', finite),
  dominantResource: field.optional('dominant_resource', text),
  weight: field.required('weight', finite),
  grantCount: field.required('grant_count', count),
  standsBack: field.required('stands_back', flag),
  rank: field.optional('rank', count),
  of: field.required('of', count),
}));

const holder = message<Membership & { readonly resources: Resources }, Inside<WireExplanation, 'held_by'>>((field) => ({
  frameworkId: field.required('framework_id', frameworkIdMessage),
  role: field.required('role', text),
  resources: field.whole('resources', resourceList),
}));

export const explanation = message<Explanation, WireExplanation>((field) => ({
  frameworkId: field.required('framework_id', frameworkIdMessage),
  role: field.required('role', text),
  agentId: field.required('agent_id', agentIdMessage),
  hostname: field.required('hostname', text),
  reason: field.required('reason', reason),
  held: field.whole('held', resourceList),
  offeredInLastVisit: field.required('offered_in_last_visit', flag),
  lastVisitAgeMs: field.optional('last_visit_age_ms', finite),
  grantedInLastVisit: field.optional(
    'granted_in_last_visit',
    message<NonNullable<Explanation['grantedInLastVisit']>, Inside<WireExplanation, 'granted_in_last_visit'>>((inner) => ({
      frameworkId: inner.required('framework_id', frameworkIdMessage),
      role: inner.required('role', text),
      othersCount: inner.required('others_count', count),
    })),
  ),
  free: field.whole('free', resourceList),
  heldBy: field.repeated('held_by', holder),
  standings: field.repeated('standings', standing),
  quota: field.optional(
    'quota',
    message<NonNullable<Explanation['quota']>, Inside<WireExplanation, 'quota'>>((inner) => ({
      config: inner.required('config', quotaConfig),
      consumed: inner.required('consumed', quantitiesMessage),
    })),
  ),
  headroom: field.required(
    'headroom',
    message<Explanation['headroom'], Inside<WireExplanation, 'headroom'>>((inner) => ({
      required: inner.required('required', quantitiesMessage),
      available: inner.required('available', quantitiesMessage),
    })),
  ),
  filters: field.repeated(
    'filters',
    message<Explanation['filters'][number], Inside<WireExplanation, 'filters'>>((inner) => ({
      refused: inner.whole('refused', resourceList),
      remainingMs: inner.required('remaining_ms', finite),
    })),
  ),
}));

// What if.

type W<Kind extends WhatIfChange['kind']> = Extract<WhatIfChange, { readonly kind: Kind }>;
type WireWhatIf = Inside<WireCall, 'what_if'>;
type WireChange = Inside<WireWhatIf, 'changes'>;

const quotaChange = codec<W<'quota'>, Inside<WireChange, 'quota'>>(
  quotaConfig.expected,
  (wire) => {
    const config = quotaConfig.decode(wire);
    return config instanceof Rejection ? config : { kind: 'quota', ...config };
  },
  quotaConfig.encode,
);

export const whatIfChange = byMember<WhatIfChange, WireChange>((member) => ({
  weight: member(
    'weight',
    message<W<'weight'>, Inside<WireChange, 'weight'>>((field) => ({ kind: field.kind('weight'), role: field.required('role', text), weight: field.required('weight', finite) })),
  ),
  quota: member('quota', quotaChange),
  'add-agents': member(
    'add_agents',
    message<W<'add-agents'>, Inside<WireChange, 'add_agents'>>((field) => ({
      kind: field.kind('add-agents'),
      info: field.required('agent_info', agentInfo),
      count: field.required('count', count),
    })),
  ),
  'remove-agents': member(
    'remove_agents',
    message<W<'remove-agents'>, Inside<WireChange, 'remove_agents'>>((field) => ({ kind: field.kind('remove-agents'), agentIds: field.repeated('agent_ids', agentIdMessage) })),
  ),
  'remove-framework': member(
    'remove_framework',
    message<W<'remove-framework'>, Inside<WireChange, 'remove_framework'>>((field) => ({
      kind: field.kind('remove-framework'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
    })),
  ),
}));

export const whatIfDivision = enumeration<WhatIfDivision, 'UNKNOWN' | 'NEXT_BATCH' | 'AFRESH'>('a division')({
  UNKNOWN: null,
  NEXT_BATCH: 'next-batch',
  AFRESH: 'afresh',
});

const holding = message<WhatIfHolding, Inside<WireEffect, 'before'>>((field) => ({ share: field.required('share', finite), held: field.required('held', quantitiesMessage) }));

export const whatIfEffect = message<WhatIfEffect, WireEffect>((field) => ({
  frameworkId: field.required('framework_id', frameworkIdMessage),
  frameworkName: field.required('framework_name', text),
  role: field.required('role', text),
  before: field.optional('before', holding),
  after: field.optional('after', holding),
}));
