// Agent predicates: which agents a task may run on.
//
// Owns:      conditions on an offer's hostname and attributes, each with the words in which a mismatch is told.
// Elsewhere: amounts (matching.ts); conditions that the master checks before it offers (OfferConstraints, common/model/scheduler-protocol.ts).
// Source: Mesos attributes; Fenzo and Aurora for constraints that explain themselves.

import type { Attribute } from '../../common/model/agent';
import type { Offer } from '../../common/model/offer';
import { formatValue } from '../../common/model/resource-value';

/** A condition on the agent behind an offer. `label` completes "… mismatch": `attribute rack`. */
export interface AgentPredicate {
  readonly label: string;
  readonly holds: (offer: Offer) => boolean;
}

/** The agent has an attribute of this name with this value: `attributeIs('rack', 'r2')`. Names may repeat; one that fits is enough. */
export function attributeIs(name: string, value: string | number): AgentPredicate {
  return {
    label: `attribute ${name}`,
    holds: ({ attributes }) => attributes.some((attribute) => attribute.name === name && hasValue(attribute, value)),
  };
}

/** No attribute of this name has this value; also true of agents without the attribute. */
export function attributeIsNot(name: string, value: string | number): AgentPredicate {
  const is = attributeIs(name, value);
  return { label: is.label, holds: (offer) => !is.holds(offer) };
}

/** An attribute of this name prints as text that matches, e.g. `attributeMatches('kernel', /^6\./)`. */
export function attributeMatches(name: string, pattern: RegExp): AgentPredicate {
  // Without the flags that make a RegExp remember where it stopped.
  const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  return {
    label: `attribute ${name}`,
    holds: ({ attributes }) => attributes.some((attribute) => attribute.name === name && stateless.test(printAttribute(attribute))),
  };
}

export function hasAttribute(name: string): AgentPredicate {
  return { label: `attribute ${name}`, holds: ({ attributes }) => attributes.some((attribute) => attribute.name === name) };
}

export function hostnameIs(...hostnames: readonly string[]): AgentPredicate {
  return { label: 'hostname', holds: ({ hostname }) => hostnames.includes(hostname) };
}

function hasValue(attribute: Attribute, value: string | number): boolean {
  switch (attribute.kind) {
    case 'scalar':
      return attribute.milli === Math.round(Number(value) * 1000);
    case 'ranges':
      return attribute.ranges.some(({ begin, end }) => begin <= Number(value) && Number(value) <= end);
    case 'set':
      return attribute.items.includes(String(value));
    case 'text':
      return attribute.text === String(value);
  }
}

function printAttribute(attribute: Attribute): string {
  return attribute.kind === 'text' ? attribute.text : formatValue(attribute);
}
