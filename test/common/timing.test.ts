// Proves T1: whatever way a wait ends, no listener and no timer of it is left. Listeners are counted, timers too.

import { getEventListeners } from 'node:events';

import { abortableDelay, deadlineIn, hasPassed, linkSignals, remainingMs, withDeadline } from '../../common/timing';
import { fakeEnvironment, settle } from './fake-environment';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('linked signals', () => {
  test('abort with the reason of the parent that came first, and let go of all', () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const linked = linkSignals(a.signal, undefined, b.signal);
    expect([listeners(a.signal), listeners(b.signal)]).toEqual([1, 1]);
    b.abort('b');
    a.abort('a');
    expect(linked.signal.reason).toBe('b');
    expect([listeners(a.signal), listeners(b.signal)]).toEqual([0, 0]);
  });

  test('are aborted from the start when a parent is, and listen to nobody', () => {
    const [a, b] = [new AbortController(), new AbortController()];
    b.abort('b');
    const linked = linkSignals(a.signal, b.signal);
    expect(linked.signal.reason).toBe('b');
    expect(listeners(a.signal)).toBe(0);
  });

  test('leave no listener at a long-lived parent after ten thousand pieces of work', () => {
    const parent = new AbortController();
    for (let work = 0; work < 10_000; work += 1) linkSignals(parent.signal).cancel();
    expect(listeners(parent.signal)).toBe(0);
  });

  test('are no longer aborted after cancel, which may come twice', () => {
    const parent = new AbortController();
    const linked = linkSignals(parent.signal);
    linked.cancel();
    linked.cancel();
    parent.abort();
    expect(linked.signal.aborted).toBe(false);
  });
});

describe('a delay', () => {
  test('resolves when its time has come, and leaves no listener', async () => {
    const { clock } = fakeEnvironment();
    const { signal } = new AbortController();
    const delay = abortableDelay(clock, 100, signal).then(() => clock.nowMs());
    expect(listeners(signal)).toBe(1);
    await clock.advanceAndSettle(500);
    expect(await delay).toBe(100);
    expect(listeners(signal)).toBe(0);
  });

  test('rejects with the reason of the abort, and leaves no timer', async () => {
    const { clock } = fakeEnvironment();
    const controller = new AbortController();
    const delay = abortableDelay(clock, 100, controller.signal);
    controller.abort(new Error('enough'));
    await expect(delay).rejects.toThrow('enough');
    expect(clock.pendingCount).toBe(0);
    expect(listeners(controller.signal)).toBe(0);
  });

  test('of an aborted signal does not begin', async () => {
    const { clock } = fakeEnvironment();
    await expect(abortableDelay(clock, 100, AbortSignal.abort('late'))).rejects.toBe('late');
    expect(clock.pendingCount).toBe(0);
  });

  test('needs no signal', async () => {
    const { clock } = fakeEnvironment();
    const delay = abortableDelay(clock, 5);
    clock.advance(5);
    await delay;
    expect(clock.pendingCount).toBe(0);
  });
});

test.each<[afterMs: number, passedMs: number, leftMs: number, passed: boolean]>([
  [100, 0, 100, false],
  [100, 99, 1, false],
  [100, 100, 0, true],
  [100, 250, 0, true],
  [Infinity, 1e9, Infinity, false],
])('a deadline in %p ms has, after %p ms, %p ms left; passed: %p', (afterMs, passedMs, leftMs, passed) => {
  const { clock } = fakeEnvironment();
  const deadline = deadlineIn(clock, afterMs);
  clock.advance(passedMs);
  expect(remainingMs(clock, deadline)).toBe(leftMs);
  expect(hasPassed(clock, deadline)).toBe(passed);
});

describe('work with a deadline', () => {
  test.each<[claim: string, work: () => Promise<string>, outcome: unknown]>([
    ['gives its result', async () => 'done', 'done'],
    ['gives its failure', async () => Promise.reject(new Error('broken')), new Error('broken')],
  ])('%s, and leaves neither timer nor listener', async (_claim, work, outcome) => {
    const { clock } = fakeEnvironment();
    const { signal: parent } = new AbortController();
    const result = await withDeadline({ clock, limitMs: 100, action: 'work', parent }, work).catch((error: unknown) => error);
    expect(result).toEqual(outcome);
    expect(clock.pendingCount).toBe(0);
    expect(listeners(parent)).toBe(0);
  });

  test('that takes too long is told to stop, and the caller waits no longer', async () => {
    const { clock } = fakeEnvironment();
    const { signal: parent } = new AbortController();
    let told: AbortSignal | undefined;
    const result = withDeadline({ clock, limitMs: 100, action: 'reach the master', parent }, (signal) => {
      told = signal;
      return new Promise(() => undefined);
    }).catch((error: unknown) => error);
    await clock.advanceAndSettle(100);
    expect(await result).toMatchObject({ code: 'DEADLINE_PASSED', message: 'Cannot reach the master: no answer within 100 ms' });
    expect(told?.aborted).toBe(true);
    expect(clock.pendingCount).toBe(0);
    expect(listeners(parent)).toBe(0);
  });

  test('ends with its parent', async () => {
    const { clock } = fakeEnvironment();
    const parent = new AbortController();
    const result = withDeadline({ clock, limitMs: 100, action: 'work', parent: parent.signal }, () => new Promise(() => undefined)).catch((error: unknown) => error);
    parent.abort('stop');
    await settle();
    expect(await result).toBe('stop');
    expect(clock.pendingCount).toBe(0);
    expect(listeners(parent.signal)).toBe(0);
    await expect(withDeadline({ clock, limitMs: 100, action: 'work', parent: parent.signal }, async () => 'never')).rejects.toBe('stop');
  });
});
