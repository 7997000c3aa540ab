// Quota configs: which ones are taken, and what is said of the others.
//
// Proves the rules that a config must obey by itself (reference, section 8), one row each, with the field that is named.

import type { Quantities } from '../../../common/model/framework';
import { checkQuotaConfig, isDefaultQuota, quotaFieldsBelow, type QuotaConfig } from '../../../common/model/quota';

const units = (amounts: Readonly<Record<string, number>>): Quantities => new Map(Object.entries(amounts).map(([name, amount]) => [name, amount * 1000]));

function aConfig(over: { readonly role?: string; readonly guarantees?: Readonly<Record<string, number>>; readonly limits?: Readonly<Record<string, number>> } = {}): QuotaConfig {
  return { role: over.role ?? 'eng', guarantees: units(over.guarantees ?? {}), limits: units(over.limits ?? {}) };
}

const check = (config: QuotaConfig) => checkQuotaConfig(config, quotaFieldsBelow('c'));

test.each<[claim: string, config: QuotaConfig]>([
  ['a role may have guarantees alone', aConfig({ guarantees: { cpus: 2, mem: 64 } })],
  ['or limits alone, and 0 is one', aConfig({ limits: { cpus: 0 } })],
  ['a guarantee may equal its limit', aConfig({ guarantees: { cpus: 2 }, limits: { cpus: 2 } })],
  ['a guarantee needs no limit, a limit no guarantee', aConfig({ guarantees: { cpus: 2 }, limits: { mem: 1 } })],
  ['"*" is a role', aConfig({ role: '*', limits: { cpus: 1 } })],
  ['the largest amounts are taken', aConfig({ guarantees: { mem: 2 ** 40, disk: 2 ** 40, cpus: 1e12 } })],
  ['nothing at all takes quota away', aConfig()],
])('%s', (_claim, config) => {
  expect(check(config)).toEqual({ ok: true, value: config });
});

test.each<[claim: string, config: QuotaConfig, field: string, value: string, expected: string]>([
  ['a role below another', aConfig({ role: 'eng/web' }), 'c.role', '"eng/web"', 'a top-level role such as "eng"'],
  ['what is no role', aConfig({ role: '-x' }), 'c.role', '"-x"', '"*", or components'],
  ['a guarantee below nothing', aConfig({ guarantees: { cpus: -1 } }), 'c.guarantees["cpus"]', '-1', 'a number from 0 to 1000000000000'],
  ['a limit below nothing', aConfig({ limits: { cpus: -1 } }), 'c.limits["cpus"]', '-1', 'a number from 0 to 1000000000000'],
  ['an endless guarantee', aConfig({ guarantees: { cpus: Infinity } }), 'c.guarantees["cpus"]', 'Infinity', 'a number from 0'],
  ['what is no number', aConfig({ limits: { cpus: NaN } }), 'c.limits["cpus"]', 'NaN', 'a number from 0'],
  ['more than an exabyte of mem', aConfig({ guarantees: { mem: 2 ** 40 + 1 } }), 'c.guarantees["mem"]', String(2 ** 40 + 1), `a number from 0 to ${2 ** 40}`],
  ['more than an exabyte of disk', aConfig({ limits: { disk: 2 ** 40 + 1 } }), 'c.limits["disk"]', String(2 ** 40 + 1), `a number from 0 to ${2 ** 40}`],
  ['more than 10^12 of anything else', aConfig({ limits: { gpus: 1e12 + 1 } }), 'c.limits["gpus"]', String(1e12 + 1), 'a number from 0 to 1000000000000'],
  ['a resource without a name', aConfig({ limits: { '': 1 } }), 'c.limits[""]', '""', 'a non-empty resource name'],
  ['a guarantee above its limit', aConfig({ guarantees: { cpus: 3 }, limits: { cpus: 2.5 } }), 'c.guarantees["cpus"]', '3', 'at most 2.5, the limit of the same resource'],
  ['a guarantee where nothing is allowed', aConfig({ guarantees: { cpus: 1 }, limits: { cpus: 0 } }), 'c.guarantees["cpus"]', '1', 'at most 0'],
])('%s is refused by name', (_claim, config, field, value, expected) => {
  expect(check(config)).toMatchObject({ ok: false, refusal: { field, value, expected: expect.stringContaining(expected) as string } });
});

test('a guarantee of nothing is no guarantee, so that such a config takes quota away', () => {
  const checked = check(aConfig({ guarantees: { cpus: 0 } }));
  expect(checked).toEqual({ ok: true, value: aConfig() });
  expect(checked.ok && isDefaultQuota(checked.value)).toBe(true);
  expect(isDefaultQuota(aConfig({ limits: { cpus: 0 } }))).toBe(false);
});
