// Quota: what a role is guaranteed, and what it may not exceed.
//
// Owns:      the config of one role, and the rules that it must obey by itself.
// Elsewhere: what quota does (allocator/), whether a config fits the cluster as it is (master/core/quota.ts).
// Source: Mesos QuotaConfig (reference, section 8). Guarantees and limits count a role's whole subtree.

import { accepted, refused, type Checked } from '../refusal';
import type { Quantities } from './framework';
import { formatMilli } from './resource-value';
import { checkRole } from './role';

/** Of one top-level role, for itself and everything below it. Scalars in thousandths. Both empty: no quota. */
export interface QuotaConfig {
  readonly role: string;
  /** Kept free for the role when it does not use them. */
  readonly guarantees: Quantities;
  /** A name that is absent is unlimited; 0 is a limit. */
  readonly limits: Quantities;
}

/** Largest amount in units: 2^40 MB, an exabyte, of mem and disk, 10^12 of anything else. Source: Mesos. */
export const quotaUnitsMax = (name: string): number => (name === 'mem' || name === 'disk' ? 2 ** 40 : 10 ** 12);

/** What the parts of a config are called in a refusal: where it came from they have names of their own. */
export interface QuotaFields {
  readonly role: string;
  readonly guarantees: string;
  readonly limits: string;
}

/** As on the wire below `field`. */
export const quotaFieldsBelow = (field: string): QuotaFields => ({ role: `${field}.role`, guarantees: `${field}.guarantees`, limits: `${field}.limits` });

/** The config without guarantees of nothing, or a refusal of the first part that breaks a rule. */
export function checkQuotaConfig(config: QuotaConfig, fields: QuotaFields): Checked<QuotaConfig> {
  const role = checkRole(config.role, fields.role);
  if (!role.ok) return role;
  if (config.role.includes('/')) return refused(fields.role, config.role, `a top-level role such as "${config.role.split('/')[0] ?? ''}", whose quota counts everything below it`);
  for (const which of ['guarantees', 'limits'] as const) {
    for (const [name, milli] of config[which]) {
      const field = amountField(fields[which], name);
      if (name === '' || /[\u0000-\u001f\u007f]/.test(name)) return refused(field, name, 'a non-empty resource name without control characters');
      const unitsMax = quotaUnitsMax(name);
      if (!(milli >= 0 && milli <= unitsMax * 1000)) return refused(field, milli / 1000, `a number from 0 to ${unitsMax}`);
    }
  }
  for (const [name, guarantee] of config.guarantees) {
    const limit = config.limits.get(name);
    if (limit !== undefined && guarantee > limit) {
      return refused(amountField(fields.guarantees, name), guarantee / 1000, `at most ${formatMilli(limit)}, the limit of the same resource`);
    }
  }
  return accepted({ ...config, guarantees: new Map([...config.guarantees].filter(([, milli]) => milli > 0)) });
}

/** `quota_configs[0].limits["cpus"]`: one amount of those in `field`. */
export function amountField(field: string, name: string): string {
  return `${field}[${JSON.stringify(name)}]`;
}

export function isDefaultQuota({ guarantees, limits }: Omit<QuotaConfig, 'role'>): boolean {
  return guarantees.size === 0 && limits.size === 0;
}
