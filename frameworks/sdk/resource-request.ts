// Resource request: the amounts a task asks for, as authors write them.
//
// Owns:      `cpus:0.1;mem:32`, `{ cpus: 0.1, mem: 32, ports: 2 }` and Resources as one type.
// Elsewhere: the text grammar (common/model/resource-text.ts), finding the amounts in offers (matching.ts).
// Source: Mesos `--resources` text; counting ports (`ports: 2`: any two) is ours, because nobody cares which.

import { AllotError } from '../../common/errors';
import type { Refusal } from '../../common/refusal';
import { checkResource } from '../../common/model/resource-check';
import { Resources, type Resource } from '../../common/model/resources';
import { parseResourceText } from '../../common/model/resource-text';

/**
 * Text, or units by name, or Resources. Amounts are in units (cpus; mem and disk in MB), at most three decimals count. A plain number of
 * something that agents have as ranges or sets (`ports: 2`) means that many of them, whichever; `ports:[31000-31001]` means those.
 */
export type ResourceRequest = string | Readonly<Record<string, number>> | Resources;

/** `resources('cpus:0.1;mem:32')` or `resources({ cpus: 0.1, mem: 32 })`. Throws AllotError INPUT_REFUSED, naming the amount. */
export function resources(request: ResourceRequest): Resources {
  if (request instanceof Resources) return request;
  if (typeof request === 'string') {
    const parsed = parseResourceText(request, 'resources');
    if (!parsed.ok) throw inputError(parsed.refusal);
    return Resources.of(parsed.value);
  }
  const amounts: Resource[] = [];
  for (const [name, units] of Object.entries(request)) {
    const checked = checkResource({ name, value: { kind: 'scalar', units }, reservations: [], revocable: false, shared: false }, 'resource');
    // The author wrote no wire message: the name of the amount is the place of the mistake.
    if (!checked.ok) throw inputError({ ...checked.refusal, field: `resources.${name}` });
    amounts.push(checked.value);
  }
  return Resources.of(amounts);
}

/** A refusal as what an author's mistake is thrown as. */
export function inputError(refusal: Refusal): AllotError {
  return new AllotError({ code: 'INPUT_REFUSED', refusal });
}
