// Quota: what operators guarantee to roles and deny them.
//
// Owns:      UPDATE_QUOTA and GET_QUOTA: whether configs fit the cluster, keeping them, making room for them among open offers; what roles consume,
//            as people see it.
// Elsewhere: rules of one config by itself (common/model/quota.ts), who is offered what because of it (allocator/), other calls (operator.ts).
// Invariants:
//   Q1. Of one call all configs are in force, or none: each is checked before the first is kept, and they go to the registry in one persist.
//   Q2. A config is durable before anybody is told of it or of what it leads to (M2).
//   Q3. Room is made by rescinding offers, never by ending tasks. Source: Mesos.
// Source: Mesos UPDATE_QUOTA and GET_QUOTA (reference, section 8 and operator document, section 12). Ours: an offer is not rescinded for one role's
//         guarantee when its own role would fall below its own; the guarantees' sum is looked at for the resources that the call guarantees.

import { accepted, refused, type Checked } from '../../common/refusal';
import type { Quantities } from '../../common/model/framework';
import type { OperatorReply, QuotaSummary } from '../../common/model/operator-protocol';
import { amountField, checkQuotaConfig, isDefaultQuota, quotaFieldsBelow, type QuotaConfig, type QuotaFields } from '../../common/model/quota';
import { checkFactSize } from '../../common/model/registry-fact';
import { formatMilli } from '../../common/model/resource-value';
import type { Resources } from '../../common/model/resources';
import { ancestorsOf } from '../../common/model/role';
import type { MasterState, OpenOffer } from './master-state';
import type { RegistryChange } from './master-step';
import { endOffer } from './offers';

/** Configs in one call. Ours: as many as one transaction of the registry takes, so that they are not cut in two by their own number, if they are short. */
export const quotaConfigCountMax = 100;

/** Replaces the quota of each role named. */
export function updateQuota(state: MasterState, { configs, force }: { readonly configs: readonly QuotaConfig[]; readonly force: boolean }): OperatorReply {
  const checked = checkConfigs(state, configs, force);
  if (!checked.ok) return { kind: 'refused', refusal: checked.refusal };
  state.outgoing.persist(checked.value.map(registryChange)); // Q2
  for (const config of checked.value) {
    if (isDefaultQuota(config)) state.quotas.delete(config.role);
    else state.quotas.set(config.role, config);
    state.allocator.updateQuota(config.role, config, state.nowMs);
  }
  const rescindedOfferCount = makeRoom(state, checked.value);
  for (const config of checked.value) {
    const { role, guarantees, limits } = config;
    state.outgoing.log('info', 'Quota changed', { role, guarantees: printed(guarantees), limits: printed(limits), isForced: force, rescindedOfferCount });
  }
  return { kind: 'done' };
}

function registryChange(config: QuotaConfig): RegistryChange {
  return isDefaultQuota(config) ? { kind: 'delete-quota', role: config.role } : { kind: 'put', fact: { kind: 'quota', ...config } };
}

function printed(quantities: Quantities): string {
  return [...quantities].map(([name, milli]) => `${name}:${formatMilli(milli)}`).join(';');
}

/** By role. */
export function summarizeQuotas(state: MasterState): QuotaSummary[] {
  if (state.quotas.size === 0) return [];
  const consumed = consumption(state);
  const configs = [...state.quotas.values()].sort((one, other) => (one.role < other.role ? -1 : 1));
  return configs.map((config) => ({ config, consumed: consumed.get(config.role) ?? new Map<string, number>() }));
}

// Checks

function checkConfigs(state: MasterState, configs: readonly QuotaConfig[], force: boolean): Checked<readonly QuotaConfig[]> {
  if (configs.length > quotaConfigCountMax) return refused('quota_configs', configs.length, `at most ${quotaConfigCountMax} configs in one call`);
  const byRole = new Map<string, QuotaConfig>();
  for (const [index, config] of configs.entries()) {
    const checked = checkQuotaConfig(config, fieldsOf(index));
    if (!checked.ok) return checked;
    const size = checkFactSize({ [fieldsOf(index).role]: config.role, [fieldsOf(index).guarantees]: config.guarantees, [fieldsOf(index).limits]: config.limits });
    if (!size.ok) return size;
    if (byRole.has(config.role)) return refused(fieldsOf(index).role, config.role, 'a role that the call has not named before');
    byRole.set(config.role, checked.value);
  }
  const wanted = [...byRole.values()];
  return (force ? undefined : (overLimit(state, wanted) ?? overCapacity(state, wanted))) ?? accepted(wanted);
}

const fieldsOf = (index: number): QuotaFields => quotaFieldsBelow(`quota_configs[${index}]`);

type Refused = ReturnType<typeof refused>;

function overLimit(state: MasterState, configs: readonly QuotaConfig[]): Refused | undefined {
  const consumed = consumption(state);
  for (const [index, { role, limits }] of configs.entries()) {
    for (const [name, limit] of limits) {
      const milli = consumed.get(role)?.get(name) ?? 0;
      if (milli <= limit) continue;
      return refused(amountField(fieldsOf(index).limits, name), limit / 1000, `at least ${formatMilli(milli)}, which role "${role}" consumes now; force sets it all the same`);
    }
  }
  return undefined;
}

function overCapacity(state: MasterState, configs: readonly QuotaConfig[]): Refused | undefined {
  const byRole = new Map([...state.quotas, ...configs.map((config) => [config.role, config] as const)]);
  let capacity: Quantities | undefined;
  for (const [index, { guarantees }] of configs.entries()) {
    for (const [name, guarantee] of guarantees) {
      const sum = [...byRole.values()].reduce((milli, config) => milli + (config.guarantees.get(name) ?? 0), 0);
      capacity ??= capacityOf(state);
      const has = capacity.get(name) ?? 0;
      if (sum <= has) continue;
      const expected = `at most ${formatMilli(Math.max(0, has - (sum - guarantee)))}, as the agents have ${formatMilli(has)} and all guarantees would be ${formatMilli(sum)}; force sets it all the same`;
      return refused(amountField(fieldsOf(index).guarantees, name), guarantee / 1000, expected);
    }
  }
  return undefined;
}

/** What the agents have that have registered in this term, those whose session is gone included. Source: Mesos. */
function capacityOf(state: MasterState): Quantities {
  const sums = new Map<string, number>();
  for (const { info, presence } of state.agents.values()) {
    if (presence.kind !== 'recovered') add(sums, info.resources.nonRevocable().quantities(), 1);
  }
  return sums;
}

// Consumption

/**
 * What each role consumes, itself and everything below it: reservations, in use or not, and unreserved non-revocable scalars in use. The
 * allocator counts offers as used, an operator does not, because an offer may come back at any moment. Source: Mesos.
 */
export function consumption(state: MasterState): Map<string, Quantities> {
  const offered = new Map<string, Map<string, number>>();
  for (const { role, resources } of state.offers.values()) {
    const part = countedByQuota(resources);
    for (const above of [role, ...ancestorsOf(role)]) {
      const sums = offered.get(above) ?? new Map<string, number>();
      offered.set(above, sums);
      add(sums, part, 1);
    }
  }
  const consumed = new Map<string, Quantities>();
  for (const share of state.allocator.roles()) {
    const sums = new Map(share.consumed);
    add(sums, offered.get(share.role) ?? new Map<string, number>(), -1);
    consumed.set(share.role, new Map([...sums].filter(([, milli]) => milli > 0)));
  }
  return consumed;
}

/** Of what is offered or used: unreserved non-revocable scalars. A reservation counts anyway, in use or not. */
function countedByQuota(resources: Resources): Quantities {
  return resources.unreserved().nonRevocable().nonShared().quantities();
}

function add(sums: Map<string, number>, quantities: Quantities, sign: 1 | -1): void {
  for (const [name, milli] of quantities) sums.set(name, (sums.get(name) ?? 0) + sign * milli);
}

// Making room

/** Rescinds offers that are over the new limits, and what the new guarantees lack. Returns how many. */
function makeRoom(state: MasterState, configs: readonly QuotaConfig[]): number {
  const room = new Room(state);
  for (const config of configs) room.fitLimits(config);
  room.coverGuarantees(configs);
  return room.rescindedCount;
}

/** The open offers and what they add to consumption, while some are rescinded. */
class Room {
  rescindedCount = 0;
  /** Consumption of top-level roles, offers included: what limits and guarantees are held against. */
  private readonly consumed: ReadonlyMap<string, Map<string, number>>;
  private readonly rescinded = new Map<string, number>();

  constructor(private readonly state: MasterState) {
    this.consumed = new Map(state.allocator.roles().map(({ role, consumed }) => [role, new Map(consumed)]));
  }

  fitLimits({ role, limits }: QuotaConfig): void {
    const isOver = (name: string): boolean => this.consumedBy(role, name) > (limits.get(name) ?? Infinity);
    for (const offer of this.newestFirst()) {
      if (![...limits.keys()].some(isOver)) return;
      if (topLevelOf(offer.role) === role && [...countedByQuota(offer.resources).keys()].some(isOver)) this.rescind(offer);
    }
  }

  /** Of other roles as much as what is rescinded, consumed and offered lacks; from none what its own guarantee needs. */
  coverGuarantees(configs: readonly QuotaConfig[]): void {
    const lacking = new Map<string, number>();
    for (const { role, guarantees } of configs) {
      for (const [name, guarantee] of guarantees) lacking.set(name, (lacking.get(name) ?? 0) + Math.max(0, guarantee - this.consumedBy(role, name)));
    }
    const isLacking = (name: string): boolean => (lacking.get(name) ?? 0) > (this.rescinded.get(name) ?? 0);
    for (const offer of this.newestFirst()) {
      if (![...lacking.keys()].some(isLacking)) return;
      const role = topLevelOf(offer.role);
      const guarantees = this.state.quotas.get(role)?.guarantees;
      const isSpare = (name: string, milli: number): boolean => this.consumedBy(role, name) - milli >= (guarantees?.get(name) ?? 0);
      if ([...countedByQuota(offer.resources)].some(([name, milli]) => isLacking(name) && isSpare(name, milli))) this.rescind(offer);
    }
  }

  private consumedBy(role: string, name: string): number {
    return this.consumed.get(role)?.get(name) ?? 0;
  }

  /** Their schedulers have had the least time to decide about them. */
  private newestFirst(): readonly OpenOffer[] {
    return [...this.state.offers.values()].reverse();
  }

  private rescind(offer: OpenOffer): void {
    const part = countedByQuota(offer.resources);
    const consumed = this.consumed.get(topLevelOf(offer.role));
    if (consumed !== undefined) add(consumed, part, -1);
    add(this.rescinded, part, 1);
    endOffer(this.state, offer, 'rescinded');
    this.rescindedCount += 1;
  }
}

function topLevelOf(role: string): string {
  return ancestorsOf(role).at(-1) ?? role;
}
