// Quota checker: nobody is offered more than the limit that an operator was told is in force.
//
// Owns:      the promises "what a role and those below it are newly offered, are offered already and use does not exceed the limit", "under a new
//            limit there is no open offer beyond it", "a quota that an operator was told is set was written before", and "what a leader answers to
//            GET_QUOTA is what was set, in its term or before".
// Elsewhere: the books that it reads (term-books.ts), that acknowledged writes are in every later load (registry-checker.ts), guarantees
//            (test/allocator/: whether one could be kept depends on what frameworks refuse).
// Invariants:
//   L1. Counted is what the leader of the term can know: what agents that have registered in it run. What one that is away runs counts until it is given up,
//       if its framework has a session: the removal of another is said to nobody who is not there.
//   L2. From its write until the operator hears of it, a change counts or does not: offers may obey either. A leader that dies in between takes its
//       answer with it, and the registry decides.
//   L3. A limit takes nothing away from what runs, also below it: what is newly offered is none of the resource as long as more than the limit is in use.
// Source: DESIGN, "What the simulation asserts"; ARCHITECTURE, "Quota, why, and what if". All of an agent is unreserved here, and so counts.

import type { Quantities } from '../../common/model/framework';
import type { Offer } from '../../common/model/offer';
import type { OperatorCall, OperatorReply } from '../../common/model/operator-protocol';
import type { QuotaConfig } from '../../common/model/quota';
import type { RegistryEntry, RegistryWrite } from '../../common/ports';
import type { ClusterSight, EtcdSight } from '../../frameworks/sdk/testing';
import { decodeRegistryFact } from '../../proto/registry-codec';
import { amountsOf, sumOf, type Amounts } from './amounts';
import { TermBooks, type Holding, type TermBook } from './term-books';
import { Violation, type Checker } from './violation';

/** By role: the quota in force, then those written after it of which the operator has not heard yet (L2). Absent: none was ever set. */
type TermQuotas = Map<string, QuotaConfig[]>;

export class QuotaChecker implements Checker {
  private readonly books = new TermBooks((term, offers) => this.offered(term, offers));
  /** By epoch. */
  private readonly terms = new Map<string, TermQuotas>();
  /** Changes that an operator was told of: a run in which no quota was set proves nothing. */
  changeCount = 0;
  /** Offers in roles that were limited. */
  offerCount = 0;

  see(sight: ClusterSight): void {
    if (sight.source === 'etcd') this.onEtcd(sight.sight);
    this.books.see(sight);
  }

  /** What an operator heard of the master on `host`. */
  answered(host: string, call: OperatorCall, reply: OperatorReply | { readonly kind: 'not-leader' }): void {
    const term = this.books.termOf(host);
    if (reply.kind === 'not-leader' || reply.kind === 'unavailable') return; // L2
    if (call.kind === 'update-quota' && reply.kind === 'done') for (const config of call.configs) this.confirmed(term, config);
    else if (call.kind === 'get-quota' && reply.kind === 'quota') this.listed(term, reply.quotas.map(({ config }) => config));
    else throw new Violation('With force every valid quota is set', `${host} answered ${call.kind} with ${JSON.stringify(reply)}`);
  }

  private onEtcd(sight: EtcdSight): void {
    if (sight.kind === 'loaded') {
      const loaded = sight.entries.map(readConfig).filter((config) => config !== undefined);
      this.terms.set(sight.epoch, new Map(loaded.map((config) => [config.role, [config]])));
    } else if (sight.kind === 'applied') {
      for (const config of sight.writes.map(readConfig)) if (config) this.quotasOf(sight.epoch, config.role).push(config);
    }
  }

  private confirmed(term: TermBook, config: QuotaConfig): void {
    const quotas = this.quotasOf(term.epoch, config.role);
    const index = quotas.findIndex((written, position) => position > 0 && print(written) === print(config));
    if (index < 0) throw new Violation('An operator is told of a quota when it is durable', `${print(config)}, and the registry was given ${quotas.slice(1).map(print).join('; ') || 'nothing'}`);
    quotas.splice(0, index);
    this.changeCount += 1;
    this.check(term, config.role, [...term.offers.values()].filter(({ role }) => topLevelOf(role) === config.role), [config]);
  }

  private listed(term: TermBook, configs: readonly QuotaConfig[]): void {
    const set = [...(this.terms.get(term.epoch)?.values() ?? [])].flatMap(([config]) => (config && config.guarantees.size + config.limits.size > 0 ? [config] : []));
    const [expected, got] = [set, configs].map((list) => list.map(print).sort().join('; ') || 'none');
    if (got !== expected) throw new Violation('A leader answers with the quotas that were set', `expected ${expected}; got ${got} (epoch ${term.epoch})`);
  }

  private offered(term: TermBook, offers: readonly Offer[]): void {
    for (const top of new Set(offers.map(({ role }) => topLevelOf(role)))) {
      const quotas = this.quotasOf(term.epoch, top);
      const ofRole = offers.filter(({ role }) => topLevelOf(role) === top).map(({ resources }) => ({ amounts: amountsOf(resources) }));
      if (quotas.some(({ limits }) => limits.size > 0)) this.offerCount += ofRole.length;
      this.check(term, top, ofRole, quotas);
    }
  }

  /** Everything that `role` holds is compared with the limits of what is in `offers`: at least one of `configs` must allow it (L2, L3). */
  private check(term: TermBook, role: string, offers: readonly { readonly amounts: Amounts }[], configs: readonly QuotaConfig[]): void {
    if (configs.some(({ limits }) => limits.size === 0)) return;
    const offered = sumOf(offers.map(({ amounts }) => amounts));
    const holdings = holdingsOf(term, role);
    const held = sumOf(holdings.map(({ amounts }) => amounts));
    const found = configs.map(({ limits }) => excessOf(offered, held, limits));
    if (found.includes(undefined)) return;
    throw new Violation('What a role is offered and uses does not exceed its limit', `${role}: ${found.join(', or ')} (${holdings.length} offers, tasks and executors)`);
  }

  private quotasOf(epoch: string, role: string): QuotaConfig[] {
    const term: TermQuotas = this.terms.get(epoch) ?? new Map();
    this.terms.set(epoch, term);
    const quotas = term.get(role) ?? [noQuota(role)];
    term.set(role, quotas);
    return quotas;
  }
}

export const noQuota = (role: string): QuotaConfig => ({ role, guarantees: new Map(), limits: new Map() });

/** Whose quota counts what `role` holds. */
export const topLevelOf = (role: string): string => role.split('/')[0] ?? role;

/** Open offers, and what runs (L1). */
function holdingsOf(term: TermBook, top: string): readonly { readonly amounts: Amounts }[] {
  const isOfRole = ({ role }: { readonly role: string | undefined }): boolean => role !== undefined && topLevelOf(role) === top;
  const here = new Set(term.agentOfLink.values());
  const frameworks = new Set(term.frameworkOfLink.values());
  const running: Holding[] = [];
  for (const [agentId, { tasks, executors, isGivenUp }] of term.agents) {
    if (isGivenUp) continue;
    for (const holding of [...tasks.values(), ...executors.values()]) if (here.has(agentId) || frameworks.has(holding.frameworkId)) running.push(holding);
  }
  return [...[...term.offers.values()].filter(isOfRole), ...running.filter(isOfRole)];
}

/** Names the first limited resource of which something is offered while more than the limit is held. */
function excessOf(offered: Amounts, held: Amounts, limits: Quantities): string | undefined {
  for (const [name, limit] of limits) {
    if ((offered.get(name) ?? 0) > 0 && (held.get(name) ?? 0) > limit) return `${name}: ${held.get(name)} in use or offered, and the limit is ${limit}`;
  }
  return undefined;
}

const prefix = 'quotas/';

/** The quota in a fact, or the one that remains when it is deleted; undefined for facts of another kind. */
function readConfig(write: RegistryEntry | RegistryWrite): QuotaConfig | undefined {
  if (!write.key.startsWith(prefix)) return undefined;
  if (!('value' in write)) return noQuota(write.key.slice(prefix.length));
  const fact = decodeRegistryFact(write.key, write.value);
  return fact.ok && fact.value.kind === 'quota' ? fact.value : undefined;
}

function print({ role, guarantees, limits }: QuotaConfig): string {
  const amounts = (quantities: Quantities): string => [...quantities].map(([name, milli]) => `${name}:${milli}`).sort().join(',');
  return `${role} guarantees {${amounts(guarantees)}} limits {${amounts(limits)}}`;
}
