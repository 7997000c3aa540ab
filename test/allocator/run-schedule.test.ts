// Run schedule: when a run is due, and over which agents.
//
// Proves:    C2 to C4 by examples, and all of it against a plain list of what was noted when (C1: what is in no note is looked at by no run).

import fc from 'fast-check';
import { RunSchedule } from '../../allocator/run-schedule';

const aSchedule = (): RunSchedule<string> => new RunSchedule<string>(1000, 5);

function taken(schedule: RunSchedule<string>, nowMs: number): string | undefined {
  const run = schedule.take(nowMs);
  if (run === undefined) return undefined;
  return `${run.isBatch ? 'batch' : 'event'} over ${run.agents === 'all' ? 'all' : [...run.agents].sort().join(' ')}`;
}

test('nothing is due until something changes, and again once that was taken', () => {
  const schedule = aSchedule();
  expect([schedule.dueAtMs, taken(schedule, 1_000_000)]).toEqual([Infinity, undefined]);
  schedule.noteChange('a1', 300);
  expect([schedule.dueAtMs, taken(schedule, 999.9), taken(schedule, 1000)]).toEqual([1000, undefined, 'batch over a1']);
  expect([schedule.dueAtMs, taken(schedule, 2000)]).toEqual([Infinity, undefined]);
});

test.each([
  [0, 1000],
  [999.9, 1000],
  [1000, 2000],
  [1000.1, 2000],
])('the batch after %d ms is at %d: strictly after the change', (nowMs, batchMs) => {
  const schedule = aSchedule();
  schedule.noteChange('all', nowMs);
  expect([schedule.batchAfterMs(nowMs), schedule.dueAtMs]).toEqual([batchMs, batchMs]);
});

test('triggers are coalesced, and a later one never postpones the run', () => {
  const schedule = aSchedule();
  schedule.trigger('a1', 10);
  schedule.trigger('a2', 14);
  expect([schedule.dueAtMs, taken(schedule, 15), schedule.dueAtMs]).toEqual([15, 'event over a1 a2', Infinity]);
});

test('an event-driven run never waits beyond the time of a batch, and is none itself', () => {
  const schedule = aSchedule();
  schedule.trigger('a1', 998);
  expect([schedule.dueAtMs, taken(schedule, 1000), schedule.dueAtMs]).toEqual([1000, 'event over a1', Infinity]);
});

test('an event-driven run leaves what only changed to the batch, but not the agents that it looks at', () => {
  const schedule = aSchedule();
  schedule.noteChange('a1', 10);
  schedule.noteChange('a2', 10);
  schedule.trigger('a2', 10);
  expect([taken(schedule, 15), schedule.dueAtMs, taken(schedule, 1000)]).toEqual(['event over a2', 1000, 'batch over a1']);
  schedule.noteChange('a1', 1000);
  schedule.trigger('all', 1000);
  expect([taken(schedule, 1005), schedule.dueAtMs]).toEqual(['event over all', Infinity]);
});

test('a batch over all agents is still due after an event-driven run over some', () => {
  const schedule = aSchedule();
  schedule.noteChange('all', 10);
  schedule.trigger('a2', 10);
  expect([taken(schedule, 15), schedule.dueAtMs, taken(schedule, 1000)]).toEqual(['event over a2', 1000, 'batch over all']);
});

test('a batch takes what triggers ask for as well', () => {
  const schedule = aSchedule();
  schedule.trigger('a1', 995);
  schedule.noteChange('a2', 995);
  expect([schedule.dueAtMs, taken(schedule, 1000), schedule.dueAtMs]).toEqual([1000, 'batch over a1 a2', Infinity]);
});

test('what is due by its time is due then, with whatever else is', () => {
  const schedule = aSchedule();
  schedule.noteDue('a1', 3000);
  expect([schedule.dueAtMs, taken(schedule, 2999), taken(schedule, 3000)]).toEqual([3000, undefined, 'batch over a1']);
});

test('a batch may be wanted without any agent, and no event-driven run makes up for it', () => {
  const schedule = aSchedule();
  schedule.wantBatch(10);
  schedule.trigger('all', 10);
  expect([taken(schedule, 15), schedule.dueAtMs, taken(schedule, 1000), schedule.dueAtMs]).toEqual(['event over all', 1000, 'batch over ', Infinity]);
});

test('an agent that is forgotten is in no run, and with the last nothing is due; a batch that is wanted stays', () => {
  const schedule = aSchedule();
  schedule.trigger('a1', 10);
  schedule.noteChange('a1', 10);
  schedule.noteChange('a2', 10);
  schedule.forget('a1');
  expect([schedule.dueAtMs, taken(schedule, 15)]).toEqual([1000, undefined]);
  schedule.forget('a2');
  expect(schedule.dueAtMs).toBe(Infinity);
  schedule.noteChange('a1', 20);
  schedule.wantBatch(20);
  schedule.forget('a1');
  expect(schedule.dueAtMs).toBe(1000);
});

test('when nobody is interested, nothing is due any more', () => {
  const schedule = aSchedule();
  schedule.trigger('all', 10);
  schedule.noteChange('a1', 10);
  schedule.wantBatch(10);
  schedule.clear();
  expect([schedule.dueAtMs, taken(schedule, 5000)]).toEqual([Infinity, undefined]);
});

const agent = fc.constantFrom('a1', 'a2', 'a3');
const concerned = fc.oneof({ weight: 5, arbitrary: agent }, { weight: 1, arbitrary: fc.constant('all' as const) });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), concerned }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('trigger' as const), concerned }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('want' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), agent }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 4, 5, 300, 995, 1000) }) },
);

interface Note {
  readonly kind: 'change' | 'trigger' | 'want';
  readonly concerned: string;
  readonly dueMs: number;
}

test('after any history, driven at its due times, a schedule runs what a list of notes asks for', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const schedule = aSchedule();
      let notes: Note[] = [];
      let nowMs = 0;
      const dueMs = (): number => Math.min(Infinity, ...notes.map((note) => note.dueMs));
      const runDue = (): string => {
        const isBatch = notes.some((note) => note.kind !== 'trigger' && note.dueMs <= nowMs);
        const runs = notes.filter((note) => isBatch || note.kind === 'trigger');
        const isAll = runs.some((note) => note.concerned === 'all');
        const agents = new Set(runs.map((note) => note.concerned).filter((name) => name !== ''));
        notes = notes.filter((note) => !runs.includes(note) && (note.kind === 'want' || !(isAll || agents.has(note.concerned))));
        return `${isBatch ? 'batch' : 'event'} over ${isAll ? 'all' : [...agents].sort().join(' ')}`;
      };
      for (const one of steps) {
        switch (one.kind) {
          case 'change':
            notes.push({ kind: 'change', concerned: one.concerned, dueMs: (Math.floor(nowMs / 1000) + 1) * 1000 });
            schedule.noteChange(one.concerned, nowMs);
            break;
          case 'trigger':
            notes.push({ kind: 'trigger', concerned: one.concerned, dueMs: Math.min(nowMs + 5, (Math.floor(nowMs / 1000) + 1) * 1000) });
            schedule.trigger(one.concerned, nowMs);
            break;
          case 'want':
            notes.push({ kind: 'want', concerned: '', dueMs: (Math.floor(nowMs / 1000) + 1) * 1000 });
            schedule.wantBatch(nowMs);
            break;
          case 'forget': {
            // The time of a run that was asked for by others stays, whoever asked first.
            const first = Math.min(...notes.filter((note) => note.kind === 'trigger').map((note) => note.dueMs));
            notes = notes.filter((note) => note.concerned !== one.agent).map((note) => (note.kind === 'trigger' ? { ...note, dueMs: first } : note));
            schedule.forget(one.agent);
            break;
          }
          case 'wait':
            for (const untilMs = nowMs + one.ms; nowMs < untilMs || dueMs() <= nowMs; ) {
              nowMs = Math.min(untilMs, Math.max(nowMs, dueMs()));
              expect(schedule.dueAtMs).toBe(dueMs());
              const isDue = dueMs() <= nowMs;
              expect(taken(schedule, nowMs)).toBe(isDue ? runDue() : undefined);
            }
            break;
        }
        expect(schedule.dueAtMs).toBe(dueMs());
      }
    }),
    { numRuns: 300 },
  );
});
