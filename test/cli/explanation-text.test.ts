// Explanations for people: a sentence for each reason, agents counted by it, one agent in full.
//
// Proves that what is the same for two agents reads the same (V1), that the most frequent reason comes first, and that every reason is a sentence
// with the numbers that a person needs next.

import { formatDetails, formatSummary, sentenceOf } from '../../cli/explanation-text';
import type { Explanation, Reason, Standing } from '../../common/model/explanation';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';

const none: ReadonlyMap<string, number> = new Map();
const cpus = (count: number): ReadonlyMap<string, number> => new Map([['cpus', count * 1_000]]);
const bundle = (count: number): Resources => Resources.ofQuantities(cpus(count));

function anExplanation(over: Partial<Explanation> = {}): Explanation {
  return {
    frameworkId: frameworkId('m-0000'),
    role: 'eng',
    agentId: agentId('m-S0'),
    hostname: 'pi0',
    reason: { kind: 'nothing-free' },
    held: Resources.empty,
    offeredInLastVisit: false,
    free: Resources.empty,
    heldBy: [],
    standings: [],
    headroom: { required: none, available: none },
    filters: [],
    ...over,
  };
}

const standing = (name: string, over: Partial<Standing> = {}): Standing => ({ name, share: 0.25, weight: 1, grantCount: 3, standsBack: false, rank: 1, of: 2, ...over });
const config = { role: 'eng', guarantees: none, limits: cpus(4) };
const constraint = (predicate: Extract<Reason, { kind: 'constraint' }>['constraint']['predicate']): Reason => ({ kind: 'constraint', constraint: { selector: { kind: 'attribute', name: 'rack' }, predicate } });

test.each<[over: Partial<Explanation>, why: string, detail: string]>([
  [{ reason: { kind: 'framework-unknown' } }, 'the framework is not known to the allocator', ''],
  [{ reason: { kind: 'agent-unknown' } }, 'the agent has not answered yet since it registered, or since the leader changed', ''],
  [{ reason: { kind: 'role-not-subscribed' } }, 'the framework is not subscribed to the role', ''],
  [{ reason: { kind: 'framework-inactive' } }, "the framework's scheduler is not connected", ''],
  [{ reason: { kind: 'role-suppressed' } }, 'the framework wants no offers for the role now: it has suppressed it', ''],
  [{ reason: { kind: 'agent-inactive' } }, 'the agent is not connected', ''],
  [{ reason: { kind: 'agent-not-allowed' } }, 'the agent is not on the allow list', ''],
  [
    { reason: { kind: 'recovering', agentCount: 3, agentCountNeeded: 8, remainingMs: 540_000 } },
    'after a change of leader, offers wait for agents to come back: 3 of 8 are there, 9m00s at most',
    '',
  ],
  [{ heldBy: [{ frameworkId: frameworkId('m-0001'), role: 'ops', resources: bundle(2).allocatedTo('ops') }] }, 'nothing is free', 'm-0001 in ops holds cpus:2'],
  [{ held: bundle(2), offeredInLastVisit: true }, 'the framework was offered what was free', 'holds cpus:2'],
  [{ reason: { kind: 'reserved-for-others', roles: ['ops', 'web'] }, free: bundle(2) }, 'what is free is reserved for ops, web', 'cpus:2'],
  [{ reason: constraint({ kind: 'exists' }) }, 'an offer constraint of the framework fails: attribute rack must be there', ''],
  [{ reason: constraint({ kind: 'not-exists' }) }, 'an offer constraint of the framework fails: attribute rack must not be there', ''],
  [{ reason: constraint({ kind: 'text-equals', value: 'r2' }) }, 'an offer constraint of the framework fails: attribute rack must be "r2"', ''],
  [{ reason: constraint({ kind: 'text-not-equals', value: 'r2' }) }, 'an offer constraint of the framework fails: attribute rack must not be "r2"', ''],
  [{ reason: constraint({ kind: 'text-matches', regex: 'r.' }) }, 'an offer constraint of the framework fails: attribute rack must match "r."', ''],
  [{ reason: constraint({ kind: 'text-not-matches', regex: 'r.' }) }, 'an offer constraint of the framework fails: attribute rack must not match "r."', ''],
  [
    { reason: { kind: 'constraint', constraint: { selector: { kind: 'pseudoattribute', name: 'HOSTNAME' }, predicate: { kind: 'text-equals', value: 'pi7' } } } },
    'an offer constraint of the framework fails: hostname must be "pi7"',
    '',
  ],
  [{ reason: { kind: 'gpus' } }, 'agents with gpus are for frameworks with the capability GPU_RESOURCES', ''],
  [{ reason: { kind: 'region', region: 'eu' } }, 'the agent is in region eu, and the framework lacks the capability REGION_AWARE', ''],
  [{ reason: { kind: 'incapable', missing: ['SHARED_RESOURCES'] }, free: bundle(1) }, 'what is free asks for capabilities that the framework lacks: SHARED_RESOURCES', 'cpus:1'],
  [
    { reason: { kind: 'too-small', bundle: bundle(0.005), minAllocatable: [cpus(0.01), new Map([['mem', 32_000]])] } },
    'what is free is not worth an offer, which takes cpus:0.01 or mem:32',
    'cpus:0.005',
  ],
  [
    { reason: { kind: 'quota', bundle: Resources.empty, cutByLimit: ['cpus'], cutByHeadroom: [] }, quota: { config, consumed: cpus(4) } },
    'the limit of role eng leaves too little cpus',
    '',
  ],
  [{ reason: { kind: 'quota', bundle: bundle(0.005), cutByLimit: [], cutByHeadroom: ['cpus', 'mem'] } }, 'cpus, mem is kept free for guarantees', 'leaves cpus:0.005'],
  [{ reason: { kind: 'filtered', bundle: bundle(2), refused: bundle(4), remainingMs: 290_000 } }, 'the framework has declined it', 'cpus:4 for 4m50s more'],
  [{ reason: { kind: 'behind', ahead: [{ frameworkId: frameworkId('m-0001'), role: 'ops' }] } }, 'others are asked first', 'm-0001 in ops'],
  [
    { reason: { kind: 'behind', ahead: ['m-0001', 'm-0002'].map((id) => ({ frameworkId: frameworkId(id), role: 'ops' })) } },
    'others are asked first',
    'm-0001 in ops and others',
  ],
  [
    { reason: { kind: 'by-chance', bundle: bundle(2), rivals: ['m-0001', 'm-0002'].map((id) => ({ frameworkId: frameworkId(id), role: 'ops' })) } },
    'the next run may offer it, or offer it to others: who is asked first is drawn',
    'cpus:2; m-0001 in ops and others',
  ],
  [{ reason: { kind: 'would-be-offered', bundle: bundle(2) } }, 'the next run would offer it', 'cpus:2'],
])('%# %s', (over, why, detail) => {
  expect(sentenceOf(anExplanation(over))).toEqual({ why, detail });
});

test('agents are counted by reason, most frequent first, with an example each; then where the framework stands', () => {
  const declined = (index: number, remainingMs: number): Explanation =>
    anExplanation({ agentId: agentId(`m-S${index}`), hostname: `pi${index}`, reason: { kind: 'filtered', bundle: bundle(4), refused: bundle(4), remainingMs } });
  const explanations = [
    anExplanation({
      agentId: agentId('m-S9'),
      standings: [standing('eng', { rank: 2, of: 3, dominantResource: 'cpus', weight: 2 }), standing('eng/.', { of: 1 }), standing('m-0000', { standsBack: true, rank: 2 })],
      quota: { config: { ...config, guarantees: cpus(2) }, consumed: cpus(1) },
      headroom: { required: cpus(1), available: cpus(5) },
    }),
    declined(1, 60_000),
    declined(2, 30_000),
  ];
  expect(formatSummary(explanations)).toBe(
    [
      'AGENTS  WHY                            FOR EXAMPLE',
      '     2  the framework has declined it  m-S1 (pi1): cpus:4 for 1m00s more',
      '     1  nothing is free                m-S9 (pi0)',
      'Standing: eng is 2 of 3: share 0.250 of cpus, weight 2, 3 grants so far',
      'Standing: m-0000 is 2 of 2: share 0.250, weight 1, 3 grants so far, stands back as it gave back unused what it was last offered',
      'Quota:    role eng is guaranteed cpus:2, limited to cpus:4 and has cpus:1, offers included',
      'Headroom: guarantees lack cpus:1, for which cpus:5 is free',
      '',
    ].join('\n'),
  );
});

test.each([
  [0, ''],
  [1, ', and what it left to one other'],
  [2, ', and what it left to 2 others'],
])('to whom an agent went is said, with %d more', (othersCount, others) => {
  const text = formatDetails(anExplanation({ lastVisitAgeMs: 5_000, grantedInLastVisit: { frameworkId: frameworkId('m-0001'), role: 'ops', othersCount } }));
  expect(text).toContain(`Looked at: 5s ago, when it was offered to m-0001 in ops${others}\n`);
});

test('where a framework stands among those who are drawn is not said: it has no rank', () => {
  const { rank: _, ...drawn } = standing('eng', { of: 3, weight: 2 });
  expect(formatSummary([anExplanation({ standings: [drawn] })])).toContain('Standing: eng is one of 3, drawn anew for each agent by weight: share 0.250, weight 2, 3 grants so far\n');
});

test('one agent is shown with what is free, who holds the rest, and what was declined', () => {
  const text = formatDetails(
    anExplanation({
      reason: { kind: 'filtered', bundle: bundle(1), refused: bundle(2), remainingMs: 5_000 },
      free: bundle(1),
      held: bundle(2).allocatedTo('eng'),
      heldBy: [
        { frameworkId: frameworkId('m-0000'), role: 'eng', resources: bundle(2).allocatedTo('eng') },
        { frameworkId: frameworkId('m-0000'), role: 'ops', resources: bundle(1).allocatedTo('ops') },
      ],
      filters: [{ refused: bundle(2), remainingMs: 5_000 }],
      lastVisitAgeMs: 61_000,
    }),
  );
  expect(text).toBe(
    [
      'Why:       the framework has declined it: cpus:2 for 5s more',
      'Free:      cpus:1',
      'Holds:     cpus:2',
      'Others:    m-0000 in ops holds cpus:1',
      'Declined:  cpus:2 for 5s more',
      'Looked at: 1m01s ago, when nobody was offered anything',
      '',
    ].join('\n'),
  );
  expect(formatDetails(anExplanation())).toBe(['Why:       nothing is free', 'Free:      nothing', 'Holds:     nothing', 'Looked at: not yet', ''].join('\n'));
});
