// Explanation text: why somebody is or is not offered something, in sentences.
//
// Owns:      the sentence for each reason, the summary over agents, the page about one agent.
// Elsewhere: the explanations (common/model/explanation.ts), the command (commands/explain.ts), tables (table.ts).
// Invariants:
//   V1. What is the same for two agents reads the same, so that agents can be counted by it; what differs is in the detail.
// Source: our choice; most frequent reason first, with numbers.

import { assertNever } from '../common/invariant';
import type { Explanation, Membership, Standing } from '../common/model/explanation';
import type { Quantities } from '../common/model/framework';
import type { Resources } from '../common/model/resources';
import type { AttributeConstraint } from '../common/model/scheduler-protocol';
import { formatAge, formatQuantities, formatTable, type Column } from './table';

interface Sentence {
  /** Alike for all agents to which it applies (V1). */
  readonly why: string;
  /** What is this agent's own; may be empty. */
  readonly detail: string;
}

export function sentenceOf(explanation: Explanation): Sentence {
  const { reason, held } = explanation;
  const only = (why: string): Sentence => ({ why, detail: '' });
  switch (reason.kind) {
    case 'framework-unknown':
      return only('the framework is not known to the allocator');
    case 'agent-unknown':
      return only('the agent has not answered yet since it registered, or since the leader changed');
    case 'role-not-subscribed':
      return only('the framework is not subscribed to the role');
    case 'framework-inactive':
      return only("the framework's scheduler is not connected");
    case 'role-suppressed':
      return only('the framework wants no offers for the role now: it has suppressed it');
    case 'agent-inactive':
      return only('the agent is not connected');
    case 'agent-not-allowed':
      return only('the agent is not on the allow list');
    case 'recovering':
      return only(`after a change of leader, offers wait for agents to come back: ${reason.agentCount} of ${reason.agentCountNeeded} are there, ${formatAge(reason.remainingMs)} at most`);
    case 'nothing-free':
      return explanation.offeredInLastVisit && !held.isEmpty
        ? { why: 'the framework was offered what was free', detail: `holds ${print(held)}` }
        : { why: 'nothing is free', detail: printHolders(explanation) };
    case 'reserved-for-others':
      return { why: `what is free is reserved for ${list(reason.roles)}`, detail: print(explanation.free) };
    case 'constraint':
      return only(`an offer constraint of the framework fails: ${printConstraint(reason.constraint)}`);
    case 'gpus':
      return only('agents with gpus are for frameworks with the capability GPU_RESOURCES');
    case 'region':
      return only(`the agent is in region ${reason.region}, and the framework lacks the capability REGION_AWARE`);
    case 'incapable':
      return { why: `what is free asks for capabilities that the framework lacks: ${list(reason.missing)}`, detail: print(explanation.free) };
    case 'too-small':
      return { why: `what is free is not worth an offer, which takes ${reason.minAllocatable.map(formatQuantities).join(' or ') || 'something'}`, detail: print(reason.bundle) };
    case 'quota':
      return { why: quotaSentence(reason, explanation.quota?.config.role), detail: reason.bundle.isEmpty ? '' : `leaves ${print(reason.bundle)}` };
    case 'filtered':
      return { why: 'the framework has declined it', detail: `${print(reason.refused)} for ${formatAge(reason.remainingMs)} more` };
    case 'behind':
      return { why: 'others are asked first', detail: printSome(reason.ahead) };
    case 'by-chance':
      return { why: 'the next run may offer it, or offer it to others: who is asked first is drawn', detail: `${print(reason.bundle)}; ${printSome(reason.rivals)}` };
    case 'would-be-offered':
      return { why: 'the next run would offer it', detail: print(reason.bundle) };
    default:
      return assertNever(reason);
  }
}

function quotaSentence({ cutByLimit, cutByHeadroom }: { readonly cutByLimit: readonly string[]; readonly cutByHeadroom: readonly string[] }, role: string | undefined): string {
  const parts = [
    ...(cutByLimit.length === 0 ? [] : [`the limit of role ${role ?? 'above'} leaves too little ${list(cutByLimit)}`]),
    ...(cutByHeadroom.length === 0 ? [] : [`${list(cutByHeadroom)} is kept free for guarantees`]),
  ];
  return parts.join(', and ') || 'quota leaves too little';
}

/** `attribute rack must be "r2"`. */
function printConstraint({ selector, predicate }: AttributeConstraint): string {
  const subject = selector.kind === 'attribute' ? `attribute ${selector.name}` : selector.name.toLowerCase();
  switch (predicate.kind) {
    case 'exists':
      return `${subject} must be there`;
    case 'not-exists':
      return `${subject} must not be there`;
    case 'text-equals':
      return `${subject} must be ${JSON.stringify(predicate.value)}`;
    case 'text-not-equals':
      return `${subject} must not be ${JSON.stringify(predicate.value)}`;
    case 'text-matches':
      return `${subject} must match ${JSON.stringify(predicate.regex)}`;
    case 'text-not-matches':
      return `${subject} must not match ${JSON.stringify(predicate.regex)}`;
    default:
      return assertNever(predicate);
  }
}

const print = (resources: Resources): string => (resources.isEmpty ? 'nothing' : resources.unallocated().toString());
const list = (names: readonly string[]): string => names.join(', ');

/** The first of them by name. */
function printSome([first, ...others]: readonly Membership[]): string {
  return first === undefined ? '' : `${first.frameworkId} in ${first.role}${others.length > 0 ? ' and others' : ''}`;
}

function printHolders({ heldBy }: Explanation): string {
  return heldBy.map(({ frameworkId, role, resources }) => `${frameworkId} in ${role} holds ${print(resources)}`).join('; ');
}

interface Group {
  readonly why: string;
  readonly explanations: Explanation[];
}

const groupColumns: readonly Column<Group>[] = [
  { title: 'AGENTS', align: 'right', cell: ({ explanations }) => String(explanations.length) },
  { title: 'WHY', cell: ({ why }) => why },
  { title: 'FOR EXAMPLE', cell: ({ explanations: [first] }) => (first === undefined ? '' : exampleOf(first)) },
];

function exampleOf(explanation: Explanation): string {
  const { detail } = sentenceOf(explanation);
  return `${explanation.agentId} (${explanation.hostname})${detail === '' ? '' : `: ${detail}`}`;
}

/** How many agents for which reason, most frequent first, for one role; and where the framework stands. */
export function formatSummary(explanations: readonly Explanation[]): string {
  const groups = new Map<string, Group>();
  for (const explanation of explanations) {
    const { why } = sentenceOf(explanation);
    const group = groups.get(why) ?? { why, explanations: [] };
    groups.set(why, group);
    group.explanations.push(explanation);
  }
  const rows = [...groups.values()].sort((one, other) => other.explanations.length - one.explanations.length || (one.why < other.why ? -1 : 1));
  const first = explanations.find(({ standings }) => standings.length > 0);
  return `${formatTable(groupColumns, rows)}${first === undefined ? '' : formatLines(clusterLines(first))}`;
}

/** Everything about one agent. */
export function formatDetails(explanation: Explanation): string {
  const { why, detail } = sentenceOf(explanation);
  const { frameworkId, role, held, heldBy, filters, lastVisitAgeMs } = explanation;
  const others = heldBy.filter((holder) => holder.frameworkId !== frameworkId || holder.role !== role);
  return formatLines([
    ['Why', detail === '' ? why : `${why}: ${detail}`],
    ['Free', print(explanation.free)],
    ['Holds', print(held)],
    ...others.map((other): Line => ['Others', `${other.frameworkId} in ${other.role} holds ${print(other.resources)}`]),
    ...filters.map(({ refused, remainingMs }): Line => ['Declined', `${print(refused)} for ${formatAge(remainingMs)} more`]),
    ['Looked at', lastVisitAgeMs === undefined ? 'not yet' : `${formatAge(lastVisitAgeMs)} ago, when ${printGranted(explanation)}`],
    ...clusterLines(explanation),
  ]);
}

function printGranted({ grantedInLastVisit: granted }: Explanation): string {
  if (granted === undefined) return 'nobody was offered anything';
  const others = granted.othersCount === 0 ? '' : granted.othersCount === 1 ? ', and what it left to one other' : `, and what it left to ${granted.othersCount} others`;
  return `it was offered to ${granted.frameworkId} in ${granted.role}${others}`;
}

type Line = readonly [label: string, text: string];

/** What is the same whichever agent is asked about. */
function clusterLines({ standings, quota, headroom }: Explanation): Line[] {
  return [
    // Who is alone among its siblings waits for nobody there.
    ...standings.filter(({ of }) => of > 1).map((standing): Line => ['Standing', printStanding(standing)]),
    ...(quota === undefined ? [] : [['Quota', `role ${quota.config.role} is ${printQuota(quota.config)} and has ${formatQuantities(quota.consumed) || 'nothing'}, offers included`] as const]),
    ...(headroom.required.size === 0 ? [] : [['Headroom', `guarantees lack ${formatQuantities(headroom.required)}, for which ${formatQuantities(headroom.available) || 'nothing'} is free`] as const]),
  ];
}

function printStanding({ name, share, dominantResource, weight, grantCount, standsBack, rank, of }: Standing): string {
  const ofWhat = dominantResource === undefined ? '' : ` of ${dominantResource}`;
  const back = standsBack ? ', stands back as it gave back unused what it was last offered' : '';
  const place = rank === undefined ? `is one of ${of}, drawn anew for each agent by weight` : `is ${rank} of ${of}`;
  return `${name} ${place}: share ${share.toFixed(3)}${ofWhat}, weight ${weight}, ${grantCount} grants so far${back}`;
}

function printQuota({ guarantees, limits }: { readonly guarantees: Quantities; readonly limits: Quantities }): string {
  const parts = [...(guarantees.size === 0 ? [] : [`guaranteed ${formatQuantities(guarantees)}`]), ...(limits.size === 0 ? [] : [`limited to ${formatQuantities(limits)}`])];
  return parts.join(', ');
}

function formatLines(lines: readonly Line[]): string {
  if (lines.length === 0) return '';
  const width = Math.max(...lines.map(([label]) => label.length)) + 2;
  return lines.map(([label, text]) => `${`${label}:`.padEnd(width)}${text}\n`).join('');
}
