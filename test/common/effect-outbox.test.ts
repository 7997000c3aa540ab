// The effect outbox: nothing leaves before what it rests on is durable, nothing leaves twice or out of order.
//
// How: a hand-driven commit port, then random interleavings of puts and commits against a plain model of the same promise.

import fc from 'fast-check';
import { EffectOutbox, type OutboxEffect } from '../../common/effect-outbox';

type Outcome = { readonly ok: true } | { readonly ok: false; readonly detail: string };

function anOutbox() {
  const performed: string[] = [];
  const commits: { readonly batch: readonly string[]; readonly done: (outcome: Outcome) => void }[] = [];
  const failures: string[] = [];
  const outbox = new EffectOutbox<string, string>({
    commit: (batch, done) => commits.push({ batch, done }),
    perform: (effect) => performed.push(effect),
    failed: (detail) => failures.push(detail),
  });
  return { outbox, performed, commits, failures };
}

const durable = (value: string): OutboxEffect<string, string> => ({ durable: true, value });
const other = (value: string): OutboxEffect<string, string> => ({ durable: false, value });

test('what needs nothing durable leaves at once', () => {
  const { outbox, performed } = anOutbox();
  outbox.put([other('a'), other('b')]);
  expect(performed).toEqual(['a', 'b']);
  expect(outbox.isDrained).toBe(true);
});

test('what follows a durable effect waits for its commit; what came before does not', () => {
  const { outbox, performed, commits } = anOutbox();
  outbox.put([other('before'), durable('fact'), other('after')]);
  expect(performed).toEqual(['before']);
  expect(commits.map(({ batch }) => batch)).toEqual([['fact']]);
  commits[0]?.done({ ok: true });
  expect(performed).toEqual(['before', 'after']);
});

test('durable effects put in while a commit is out go together into the next one', () => {
  const { outbox, performed, commits } = anOutbox();
  outbox.put([durable('one'), other('a')]);
  outbox.put([durable('two'), other('b')]);
  outbox.put([durable('three'), other('c')]);
  commits[0]?.done({ ok: true });
  expect(performed).toEqual(['a']);
  expect(commits[1]?.batch).toEqual(['two', 'three']);
  commits[1]?.done({ ok: true });
  expect(performed).toEqual(['a', 'b', 'c']);
});

test('after a failed commit nothing leaves any more, and the failure is told once', () => {
  const { outbox, performed, commits, failures } = anOutbox();
  outbox.put([durable('one'), other('a')]);
  outbox.put([durable('two'), other('b')]);
  commits[0]?.done({ ok: false, detail: 'disk full' });
  outbox.put([other('c')]);
  expect([performed, failures, commits.length]).toEqual([[], ['disk full'], 1]);
});

test('after stop a commit that succeeds late lets nothing leave', () => {
  const { outbox, performed, commits } = anOutbox();
  outbox.put([durable('one'), other('a')]);
  outbox.stop();
  commits[0]?.done({ ok: true });
  expect(performed).toEqual([]);
});

test('an effect put in while another is being carried out leaves after it, in order', () => {
  const performed: string[] = [];
  const outbox: EffectOutbox<string, string> = new EffectOutbox<string, string>({
    commit: () => undefined,
    perform: (effect) => {
      if (effect === 'a') outbox.put([other('c')]);
      performed.push(effect);
    },
    failed: () => undefined,
  });
  outbox.put([other('a'), other('b')]);
  expect(performed).toEqual(['a', 'b', 'c']);
});

test('for any interleaving: order is kept, and no effect leaves before every durable one put in earlier is committed', () => {
  const action = fc.oneof(
    fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }).map((kinds) => ({ kind: 'put' as const, kinds })),
    fc.constant({ kind: 'commit' as const }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const { outbox, performed, commits } = anOutbox();
      const committed = new Set<string>();
      const history: { readonly value: string; readonly isDurable: boolean }[] = [];
      let answered = 0;
      const commitNext = (): boolean => {
        const commit = commits[answered];
        if (!commit) return false;
        answered += 1;
        for (const value of commit.batch) committed.add(value);
        commit.done({ ok: true });
        return true;
      };
      const check = (): void => {
        const others = history.filter(({ isDurable }) => !isDurable).map(({ value }) => value);
        expect(performed).toEqual(others.slice(0, performed.length));
        const last = performed.at(-1);
        for (const { value, isDurable } of last === undefined ? [] : history) {
          if (value === last) break;
          if (isDurable) expect(committed.has(value)).toBe(true);
        }
      };
      for (const step of actions) {
        if (step.kind === 'commit') {
          commitNext();
        } else {
          const effects = step.kinds.map((isDurable) => {
            const value = String(history.length);
            history.push({ value, isDurable });
            return isDurable ? durable(value) : other(value);
          });
          outbox.put(effects);
        }
        check();
      }
      while (commitNext()) check();
      expect(performed).toEqual(history.filter(({ isDurable }) => !isDurable).map(({ value }) => value));
      expect(outbox.isDrained).toBe(true);
    }),
  );
});
