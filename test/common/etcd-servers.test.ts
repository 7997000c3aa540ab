// Etcd servers: one that is down or hangs costs one try, and a call ends when its time is over, whatever they do.
//
// How: servers of this file, which are up, down, hung or refuse, in virtual time. That real ones behave so is proved in test/integration/.

import { EtcdServers, type AskLimits } from '../../common/etcd-servers';
import { FakeClock } from './fake-environment';

type Mood = 'up' | 'down' | 'hung' | 'refusing';

const tryMs = 600;
const persistent: AskLimits = { callMs: 3_000, persists: true };
const brief: AskLimits = { callMs: 2_000, persists: false };

/** Lets promises settle; time does not move. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function aCluster(...moods: Mood[]) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const hung: (() => void)[] = [];
  const moves: string[] = [];
  const servers = moods.map((_, index) => ({ address: `s${index}`, client: index }));
  const etcd = new EtcdServers<number>({ clock, servers, tryMs, tryTimeoutMs: 2_000, isPassing: (error) => error !== 'too large', moved: (from, to, detail) => void moves.push(`${from} to ${to}: ${detail ?? 'silent'}`) });
  const question = (index: number): Promise<string> => {
    asked.push(`s${index}@${clock.nowMs()}`);
    switch (moods[index]) {
      case 'up':
        return Promise.resolve(`s${index}`);
      case 'down':
        return Promise.reject(new Error(`s${index} is down`));
      case 'refusing':
        return Promise.reject('too large');
      default:
        return new Promise((resolve) => hung.push(() => resolve(`s${index}, late`)));
    }
  };
  return {
    clock,
    asked,
    hung,
    moods,
    moves,
    /** What became of a call, after so much time. */
    async ask(limits: AskLimits, afterMs = 0): Promise<string> {
      let outcome = 'pending';
      void etcd.ask(question, limits).then(
        (answer) => (outcome = answer),
        (error: Error) => (outcome = error.message),
      );
      await settle();
      for (let ms = 0; ms < afterMs; ms += 50) {
        clock.advance(50);
        await settle();
      }
      return outcome;
    },
  };
}

test('a server that is down is passed over within the call, and not asked first the next time', async () => {
  const { ask, asked, moves } = aCluster('down', 'down', 'up');
  expect(await ask(brief)).toBe('s2');
  expect(await ask(brief)).toBe('s2');
  expect(asked).toEqual(['s0@0', 's1@0', 's2@0', 's2@0']);
  expect(moves).toEqual(['s0 to s2: s1 is down']);
});

test('a server that hangs is waited for as long as a try takes, in the first call only', async () => {
  const { ask, asked, moves } = aCluster('hung', 'up');
  expect(await ask(brief, 550)).toBe('pending');
  expect(await ask(brief, 50)).toBe('pending');
  expect(asked).toEqual(['s0@0', 's0@550', 's1@600']);
  expect(await ask(brief)).toBe('s1');
  expect(asked.at(-1)).toBe('s1@600');
  expect(moves).toEqual(['s0 to s1: silent']);
});

test('a slow server may still answer while another is asked too: the first answer counts, the other is not heard', async () => {
  const { ask, hung, clock, asked } = aCluster('hung', 'hung');
  const answer = ask(brief, 700);
  await settle();
  expect(await answer).toBe('pending');
  hung[0]!();
  hung[1]!();
  await settle();
  expect(asked).toEqual(['s0@0', 's1@600']);
  expect(clock.pendingCount).toBe(0);
});

test.each<[claim: string, moods: Mood[], limits: AskLimits, outcome: string, askedCount: number, atMs: number]>([
  ['all down: who asks briefly hears at once', ['down', 'down'], brief, 'Cannot reach etcd at s0, s1: s1 is down', 2, 0],
  ['all down: who persists asks round after round until time is over', ['down', 'down'], persistent, 'Cannot reach etcd at s0, s1: s1 is down', 60, 3_000],
  ['all hung: asked in turn until time is over', ['hung', 'hung'], brief, 'Cannot reach etcd at s0, s1: no answer within 2000 ms', 4, 2_000],
  ['one hung, the others down: the hung one is waited for', ['hung', 'down'], brief, 'Cannot reach etcd at s0, s1: s1 is down', 2, 2_000],
  ['a refusal ends the call, for all would say the same', ['refusing', 'up'], persistent, 'Cannot get it done as etcd at s0 refuses: too large', 1, 0],
])('%s', async (_claim, moods, limits, outcome, askedCount, atMs) => {
  const { ask, asked, clock } = aCluster(...moods);
  if (atMs > 0) expect(await aCluster(...moods).ask(limits, atMs - 50)).toBe('pending');
  expect(await ask(limits, atMs)).toBe(outcome);
  expect(asked).toHaveLength(askedCount);
  expect(clock.pendingCount).toBe(0);
});

test('who persists is answered by the server that comes back', async () => {
  const { ask, moods, clock } = aCluster('down', 'down');
  clock.schedule(1_000, () => (moods[1] = 'up'));
  expect(await ask(persistent, 1_100)).toBe('s1');
});

test('a call that found nobody leaves off at a server, and the next one goes on from there', async () => {
  const { ask, asked } = aCluster('hung', 'hung', 'hung', 'up');
  expect(await ask({ callMs: 1_000, persists: false }, 1_000)).toMatch(/^Cannot reach/);
  expect(await ask({ callMs: 1_000, persists: false }, 600)).toBe('s3');
  expect(asked).toEqual(['s0@0', 's1@600', 's2@1000', 's3@1600']);
});
