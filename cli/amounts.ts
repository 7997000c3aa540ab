// Amounts: scalars as an operator writes them, `cpus:4,mem:8192`.
//
// Owns:      the grammar of amounts in flags.
// Elsewhere: the grammar of resources (common/model/resource-text.ts), which this follows; printing (table.ts).
// Source: Mesos `--resources`; ours: commas, because a semicolon has to be quoted in a shell.

import { parseResourceText } from '../common/model/resource-text';
import type { Resource } from '../common/model/resources';
import { accepted, refused, type Checked } from '../common/refusal';

const expectation = 'amounts such as cpus:4,mem:8192, each resource once and without a role';

/** The entries of one part between commas: for `parse` of a flag of type `list`. */
export function parseAmount(text: string, field: string): Checked<readonly Resource[]> {
  const resources = parseResourceText(text, field);
  if (!resources.ok) return resources;
  const isAmount = resources.value.length > 0 && resources.value.every(({ value, reservations }) => value.kind === 'scalar' && reservations.length === 0);
  return isAmount ? resources : refused(field, text, expectation);
}

/** All parts together, by name, in thousandths; 0 is an amount. */
export function amountsOf(parts: readonly (readonly Resource[])[], field: string): Checked<ReadonlyMap<string, number>> {
  const amounts = new Map<string, number>();
  for (const { name, value } of parts.flat()) {
    if (value.kind !== 'scalar' || amounts.has(name)) return refused(field, name, expectation);
    amounts.set(name, value.milli);
  }
  return accepted(amounts);
}
