// Proves F1 to F3: every byte once and in order, whatever fails in between, at a pace that ends, and no faster than it is read.
//
// How: a growing file behind a master that fails now and then; a fake clock.

import fc from 'fast-check';

import { SandboxFollower } from '../../cli/sandbox-follower';
import { AllotError, isAllotError } from '../../common/errors';
import { taskId } from '../../common/model/ids';
import type { OperatorCall } from '../../common/model/operator-protocol';
import { fakeEnvironment, settle } from '../common/fake-environment';

type Read = Extract<OperatorCall, { kind: 'read-sandbox' }>;
type Chunk = { readonly kind: 'sandbox-chunk'; readonly offset: number; readonly data: Uint8Array; readonly size: number; readonly ended: boolean };

const file = { taskId: taskId('t'), stream: 'stdout' as const };
const away = new AllotError({ code: 'OPERATION_FAILED', action: 'get an answer', detail: 'Agent is not here' });

/** What the agent has at each ask; undefined: it cannot be reached. */
class FakeSandbox {
  asks = 0;
  constructor(
    private readonly states: readonly (string | undefined)[],
    private readonly lengthMax = Infinity,
  ) {}

  readonly ask = (async (call: OperatorCall): Promise<Chunk> => {
    const { offset, lengthMax } = call as Read;
    const state = this.states[Math.min(this.asks, this.states.length - 1)];
    const ended = this.asks >= this.states.length - 1;
    this.asks += 1;
    if (state === undefined) throw away;
    const bytes = Buffer.from(state);
    return { kind: 'sandbox-chunk', offset, data: bytes.subarray(offset, offset + Math.min(lengthMax, this.lengthMax)), size: bytes.length, ended };
    // The follower asks for sandbox chunks only; the client's generic type cannot be said of a fake.
  }) as unknown as ConstructorParameters<typeof SandboxFollower>[0]['ask'];
}

async function followed(sandbox: FakeSandbox, signal = new AbortController().signal): Promise<string> {
  const { clock } = fakeEnvironment();
  const written: Uint8Array[] = [];
  const follower = new SandboxFollower(sandbox, clock, file, (bytes) => void written.push(Uint8Array.from(bytes)));
  let outcome: 'under way' | 'over' | Error = 'under way';
  follower
    .follow(signal, (error) => isAllotError(error, 'OPERATION_FAILED'))
    .then(
      () => (outcome = 'over'),
      (error: Error) => (outcome = error),
    );
  const state = (): typeof outcome => outcome;
  for (let step = 0; step < 1_000 && state() === 'under way'; step += 1) {
    await settle();
    clock.advance(clock.nextInMs ?? 0);
  }
  expect(state()).toBe('over');
  expect(clock.pendingCount).toBe(0);
  return Buffer.concat(written).toString();
}

test('a file that grows, with the agent away in between, arrives once and whole (F1)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(fc.string({ maxLength: 6 }), { freq: 3, nil: undefined }), { maxLength: 8 }), fc.integer({ min: 1, max: 4 }), async (additions, lengthMax) => {
      let text = '';
      const states = additions.map((addition) => (addition === undefined ? undefined : (text += addition)));
      expect(await followed(new FakeSandbox([...states, text], lengthMax))).toBe(text);
    }),
    { numRuns: 50 },
  );
});

test('what is there is read without a pause between the answers, also when it takes many (F2)', async () => {
  const sandbox = new FakeSandbox(['x'.repeat(1_000)], 100);
  const { clock } = fakeEnvironment();
  let bytes = 0;
  expect(await new SandboxFollower(sandbox, clock, file, (part) => void (bytes += part.length)).readAvailable(new AbortController().signal)).toBe(true);
  expect([bytes, sandbox.asks, clock.nowMs()]).toEqual([1_000, 10, 0]);
});

test('what is there is what was there when it was asked for first: a file that grows faster than it is read is not chased', async () => {
  const states = Array.from({ length: 100 }, (_, index) => 'x'.repeat(200 * (index + 1)));
  const sandbox = new FakeSandbox(states, 100);
  const { clock } = fakeEnvironment();
  let bytes = 0;
  expect(await new SandboxFollower(sandbox, clock, file, (part) => void (bytes += part.length)).readAvailable(new AbortController().signal)).toBe(false);
  expect([bytes, sandbox.asks]).toEqual([200, 2]);
});

test('nothing is asked for while what came waits to be written, and giving up does not wait for it (F3)', async () => {
  const sandbox = new FakeSandbox(['x'.repeat(1_000)], 100);
  const { clock } = fakeEnvironment();
  let taken = (): void => undefined;
  const stop = new AbortController();
  const following = new SandboxFollower(sandbox, clock, file, () => new Promise((resolve) => (taken = resolve))).follow(stop.signal, () => true);
  await settle();
  expect(sandbox.asks).toBe(1);
  taken();
  await settle();
  expect(sandbox.asks).toBe(2);
  stop.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
});

test('a failure that patience does not cover ends the following', async () => {
  const { clock } = fakeEnvironment();
  const follower = new SandboxFollower(new FakeSandbox([undefined, 'late']), clock, file, () => undefined);
  await expect(follower.follow(new AbortController().signal, () => false)).rejects.toThrow('Agent is not here');
});

test('an abort ends a pause, and leaves no timer behind', async () => {
  const { clock } = fakeEnvironment();
  const stop = new AbortController();
  const following = new SandboxFollower(new FakeSandbox(['a', 'a', 'a']), clock, file, () => undefined).follow(stop.signal, () => true);
  await settle();
  stop.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
  expect(clock.pendingCount).toBe(0);
});
