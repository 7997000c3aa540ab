// Counterexamples: histories on which the allocator once was wrong, or on which its definition was not good enough.
//
// Proves:    one claim each, that no other example makes. They were found by allocator-agreement.test.ts and made smaller, and readable, by hand.
// How:       the history is carried out on allocator and reference in lockstep (allocator-history.ts), and what is handed out is compared whole.

import { agree, type FrameworkSketch, type Machine, type Replay, type Step } from './allocator-history';

const plain = 'cpus:4;disk:10000;mem:4096;ports:[31000-31009]';

function agent(name: string, machine: Machine = 'plain', more: Partial<Extract<Step, { kind: 'add-agent' }>> = {}): Step {
  return { kind: 'add-agent', agent: name, machine, host: 'h1', rack: '', region: '', used: [], ...more };
}

function sketch(roles: FrameworkSketch['roles'], more: Partial<FrameworkSketch> = {}): FrameworkSketch {
  return { roles, suppressed: [], capabilities: [], constraint: 'none', minimumSize: 'as all', ...more };
}

function framework(name: string, roles: FrameworkSketch['roles'], more: Partial<FrameworkSketch> = {}): Step {
  return { kind: 'add-framework', framework: name, sketch: sketch(roles, more), active: true, claims: true };
}

/** The first of the offers that are out is declined, whole. */
const declined = (refuseMs: number): Step => ({ kind: 'answer', which: 0, usedTenths: 0, refuseMs, restFirst: false });
const ended: Step = { kind: 'end', which: 0, keptTenths: 0 };
const pass = (ms: number): Step => ({ kind: 'advance', ms });

function replayed(...steps: Step[]): Replay {
  return agree({ seed: 0, steps });
}

describe('when', () => {
  test('what asks for a run less than the delay before a batch is served with the batch, whether or not anything else wants one', () => {
    expect(replayed(pass(996), framework('f1', ['*']), agent('a1'), pass(2000)).handedOut).toEqual([`1000: f1 gets ${plain} of a1 for role *`]);
  });

  test('a filter that lapsed while nobody was interested makes no run due in the past: whoever comes is served after the delay', () => {
    const steps = [
      framework('f1', ['*']),
      agent('a1'),
      pass(10),
      declined(1),
      { kind: 'suppress', framework: 'f1', roles: [] } as const,
      pass(6990),
      framework('f2', ['*']),
      pass(10),
    ];
    expect(replayed(...steps).handedOut).toEqual([`5: f1 gets ${plain} of a1 for role *`, `7005: f2 gets ${plain} of a1 for role *`]);
  });

  test.each<[end: string, steps: Step[], offeredAtMs: number]>([
    ['enough agents', [pass(200), agent('a1'), pass(1000)], 205],
    ['the timeout', [pass(8000)], 7305],
  ])('what asked for a run while a new leader waits is not overdue when %s ends the wait', (_end, steps, offeredAtMs) => {
    const wait: Step[] = [
      { kind: 'quota', role: 'eng', guarantees: {}, limits: { cpus: 100 } },
      { kind: 'recover', agentCount: 3 },
      framework('f1', ['*']),
      agent('a2'),
    ];
    expect(replayed(...wait, ...steps).handedOut[0]).toMatch(new RegExp(`^${offeredAtMs}: `));
  });

  test('with the last machine that was to be left goes what was noted while nobody was interested', () => {
    const steps: Step[] = [
      agent('a1'),
      agent('a2'),
      { kind: 'window', agent: 'a2', startMs: 1 },
      { kind: 'change-machine', agent: 'a1', machine: 'tiny' },
      { kind: 'remove-agent', agent: 'a2' },
      pass(1),
      framework('f1', ['*']),
      pass(10),
    ];
    expect(replayed(...steps).handedOut).toEqual(['6: f1 gets cpus:0.1;mem:16 of a1 for role *']);
  });

  test.each<[what: string, out: Step, back: Step]>([
    ['deactivated', { kind: 'toggle-agent', agent: 'a1' }, { kind: 'toggle-agent', agent: 'a1' }],
    ['struck off the allow list', { kind: 'allow', hosts: [] }, { kind: 'allow', hosts: undefined }],
    [
      'moved to a host that is not allowed',
      { kind: 'change-host', agent: 'a1', host: 'h2', rack: '', region: '' },
      { kind: 'allow', hosts: undefined },
    ],
  ])('an agent that is %s takes back what it asked for: taking part again, it waits for the batch', (_what, out, back) => {
    const steps: Step[] = [framework('f1', ['*']), pass(10), { kind: 'allow', hosts: ['h1'] }, agent('a1'), out, pass(1), back, pass(2000)];
    expect(replayed(...steps).handedOut).toEqual([`1000: f1 gets ${plain} of a1 for role *`]);
  });
});

describe('order', () => {
  test('a role whose frameworks all stand back comes forward with one that joins deep below it', () => {
    const steps: Step[] = [framework('f1', ['ops']), agent('a3'), pass(5), declined(0), framework('f10', ['*', 'ops/x/y']), agent('a1'), pass(5)];
    // "*" had fewer grants, so the first is its; then "ops" has the smaller share, and not all of it stands back.
    expect(replayed(...steps).handedOut.slice(1)).toEqual([`10: f10 gets ${plain} of a3 for role *`, `10: f10 gets ${plain} of a1 for role ops/x/y`]);
  });

  test('a role keeps its grants while agents run something of it for a framework that is not back', () => {
    const steps: Step[] = [
      agent('a1', 'plain', { used: [{ framework: 'f1', role: '*', tenths: 3 }] }),
      framework('f3', ['*']),
      pass(495),
      { kind: 'remove-framework', framework: 'f3' },
      framework('f2', ['*', 'eng/web']),
      pass(5),
    ];
    // "*" has no share, as "eng", but one grant more.
    expect(replayed(...steps).handedOut[1]).toBe('500: f2 gets cpus:2.8;disk:7000;mem:2867.2;ports:[31003-31009] of a1 for role eng/web');
  });
});

describe('quota', () => {
  test('a limit told before there is any agent closes nothing that it does not name', () => {
    const steps: Step[] = [
      { kind: 'quota', role: 'eng', guarantees: {}, limits: { disk: 600 } },
      agent('a1', 'many cpus'),
      framework('f1', ['eng', 'ops']),
      pass(5),
    ];
    expect(replayed(...steps).handedOut).toEqual(['5: f1 gets cpus:8;mem:1024 of a1 for role eng']);
  });

  test('a role at all its limits is open again with the first agent that has something which no limit names', () => {
    const steps: Step[] = [
      { kind: 'quota', role: 'eng', guarantees: {}, limits: { cpus: 2, mem: 512 } },
      framework('f1', ['eng'], { minimumSize: 'anything' }),
      agent('a1', 'many cpus'),
      pass(10),
      agent('a2', 'dwarf'),
      pass(10),
    ];
    expect(replayed(...steps).handedOut).toEqual(['5: f1 gets cpus:2;mem:512 of a1 for role eng', '15: f1 gets disk:100 of a2 for role eng']);
  });

  test('what competes for room is cut the same way in every run, so that what was declined stays declined', () => {
    const steps: Step[] = [
      framework('f1', ['*'], { minimumSize: 'anything' }),
      agent('a1', 'disks only'),
      { kind: 'quota', role: 'eng', guarantees: { disk: 600 }, limits: {} },
      pass(6000),
      declined(5000),
    ];
    const before = replayed(...steps).handedOut;
    expect(before).toHaveLength(1);
    expect(replayed(...steps, pass(4500)).handedOut).toEqual(before);
  });

  test('the smaller of limit and headroom cuts, once: what is whole is not given up for a part that is cut off in the end', () => {
    const steps: Step[] = [
      { kind: 'quota', role: 'ops', guarantees: { disk: 900 }, limits: {} },
      { kind: 'quota', role: 'eng', guarantees: {}, limits: { disk: 800 } },
      framework('f1', ['eng/db'], { minimumSize: 'anything' }),
      agent('a2', 'disks only'),
      pass(5),
    ];
    // 1400 less 900 are free to take: the two that are left whole may not both fit, but 200 do.
    const [granted] = replayed(...steps).handedOut;
    expect(granted).toMatch(/^5: f1 gets (disk:200|disk:500\{disk MOUNT \/m1\}) of a2 for role eng\/db$/);
  });

  test('what is left after a run may serve a guarantee that nothing served before: the next batch looks again', () => {
    const steps: Step[] = [
      agent('a2', 'disks only'),
      framework('f1', ['*', 'eng/web'], { minimumSize: 'anything' }),
      { kind: 'quota', role: 'eng', guarantees: { disk: 600 }, limits: {} },
      pass(5),
      { kind: 'answer', which: 1, usedTenths: 10, refuseMs: 0, restFirst: false },
      declined(1500),
      ended,
      pass(2000),
    ];
    expect(replayed(...steps).handedOut.some((line) => /^(10|1000): .* eng\/web$/.test(line))).toBe(true);
  });

  test('what is reported for a framework of a role, and then not claimed, is room below the limit again, wherever it ran', () => {
    const steps: Step[] = [
      agent('a1', 'plain', { host: 'h2', used: [{ framework: 'f3', role: 'eng/web', tenths: 3 }] }),
      { kind: 'allow', hosts: ['h1'] },
      { kind: 'quota', role: 'eng', guarantees: {}, limits: { cpus: 3 } },
      framework('f1', ['eng/db']),
      agent('a3', 'many cpus'),
      pass(2495),
      { kind: 'add-framework', framework: 'f3', sketch: sketch(['*']), active: false, claims: false },
      pass(2000),
    ];
    expect(replayed(...steps).handedOut).toEqual([
      '5: f1 gets cpus:1.8;mem:1024 of a3 for role eng/db',
      '3000: f1 gets cpus:1.2 of a3 for role eng/db',
    ]);
  });
});

describe('maintenance', () => {
  test('what a framework answered outlives its connection', () => {
    const replay = replayed(
      framework('f1', ['*']),
      agent('a1'),
      { kind: 'window', agent: 'a1', startMs: 1 },
      pass(200),
      { kind: 'answer-inverse', which: 0, answer: 'accept', refuseMs: 0 },
      { kind: 'toggle-framework', framework: 'f1' },
    );
    expect([...replay.fast.inverseOfferAnswers([...replay.agents.keys()][0]!).values()]).toEqual(['accept']);
  });
});
