// Proves the invariants L1 to L5 of the leader session: under a fake clock and a dialer that records, first by scripts, then by random
// histories of everything that can happen to a session.

import fc from 'fast-check';

import { backoffDelayMs, masterBackoff } from '../../common/backoff';
import { describeLinkEnd, LeaderSession, redirectsMax, staticAddresses, type AddressSource } from '../../common/leader-session';
import type { Dialer, Link, LinkEnd, LinkHandler, Log } from '../../common/ports';
import { fakeEnvironment } from './fake-environment';

const silent: Log = { write: () => undefined, child: () => silent };

class DialedLink implements Link<string> {
  readonly sent: string[][] = [];
  state: 'open' | 'closed by us' | 'ended' = 'open';

  constructor(
    readonly address: string,
    private readonly handler: LinkHandler<string>,
  ) {}

  send(messages: readonly string[]): void {
    this.sent.push([...messages]);
  }
  close(): void {
    if (this.state === 'open') this.state = 'closed by us';
  }
  /** The peer speaks. Also works on a closed link: the session must not listen. */
  say(...messages: string[]): void {
    this.handler.messages(messages);
  }
  end(end: LinkEnd): void {
    if (this.state === 'open') this.state = 'ended';
    this.handler.closed(end);
  }
}

function aSession(addresses: readonly string[] | AddressSource) {
  const environment = fakeEnvironment();
  const links: DialedLink[] = [];
  const heard: string[] = [];
  const dialer: Dialer<string, string> = {
    dial(address, handler) {
      const link = new DialedLink(address, handler);
      links.push(link);
      return link;
    },
  };
  const session = new LeaderSession<string, string>({
    environment,
    dialer,
    addresses: 'current' in addresses ? addresses : staticAddresses(addresses),
    log: silent,
    handlers: {
      connected: (address) => heard.push(`connected ${address}`),
      messages: (messages) => heard.push(`messages ${messages.join(',')}`),
      disconnected: (end, retryInMs) => heard.push(`disconnected ${end.kind}${retryInMs === 0 ? ' at once' : ''}`),
    },
  });
  const link = (): DialedLink => {
    const newest = links.at(-1);
    if (newest === undefined) throw new Error('Nothing was dialed');
    return newest;
  };
  const { clock } = environment;
  /** Goes on to the next attempt and returns how long that took. */
  const next = (): number => {
    const startMs = clock.nowMs();
    clock.advance(clock.nextInMs ?? 0);
    return clock.nowMs() - startMs;
  };
  return { session, clock, links, heard, link, next };
}

const failed: LinkEnd = { kind: 'failed', detail: 'refused' };
const notLeader = (leader: string): LinkEnd => ({ kind: 'not-leader', leader });

test('nothing happens inside start: the first link is dialed after the turn of its caller', () => {
  const { session, clock, heard, links } = aSession(['a:1']);
  session.start();
  expect(links).toHaveLength(0);
  clock.advance(0);
  expect(heard).toEqual(['connected a:1']);
});

test('what the owner sends goes to the live link, and send says when there is none', () => {
  const { session, clock, link } = aSession(['a:1']);
  expect(session.send(['too early'])).toBe(false);
  session.start();
  clock.advance(0);
  expect(session.send(['hello'])).toBe(true);
  expect(session.address).toBe('a:1');
  link().end(failed);
  expect(session.send(['lost'])).toBe(false);
  expect(session.address).toBeUndefined();
  expect(link().sent).toEqual([['hello']]);
});

test('a hint to the leader is followed without a pause', () => {
  const { session, clock, link, next, heard } = aSession(['a:1', 'b:2']);
  session.start();
  clock.advance(0);
  link().end(notLeader('c:3'));
  expect(next()).toBe(0);
  expect(heard).toEqual(['connected a:1', 'disconnected not-leader at once', 'connected c:3']);
});

test('two standbys that point to each other make a peer pause, not spin', () => {
  const { session, clock, link, next } = aSession(['a:1']);
  session.start();
  clock.advance(0);
  const pauses: number[] = [];
  for (let hop = 0; hop <= redirectsMax; hop += 1) {
    link().end(notLeader(link().address === 'a:1' ? 'b:2' : 'a:1'));
    pauses.push(next());
  }
  expect(pauses.slice(0, redirectsMax)).toEqual(Array(redirectsMax).fill(0));
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(masterBackoff.initialMs / 2);
});

test.each<[claim: string, end: LinkEnd]>([
  ['a standby that names itself', notLeader('a:1')],
  ['a hint that is no address', notLeader('not an address')],
  ['a standby that knows no leader', { kind: 'not-leader' }],
])('%s is answered with a pause and the next address', (_claim, end) => {
  const { session, clock, link, next } = aSession(['a:1', 'b:2']);
  session.start();
  clock.advance(0);
  link().end(end);
  expect(next()).toBeGreaterThanOrEqual(masterBackoff.initialMs / 2);
  expect(link().address).toBe('b:2');
});

test('every named address is tried before one is tried again, and the pause grows only from round to round', () => {
  const { session, clock, link, links, next } = aSession(['a:1', 'b:2', 'c:3']);
  session.start();
  clock.advance(0);
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 15; attempt += 1) {
    link().end(failed);
    pauses.push(next());
  }
  expect(links.slice(0, 7).map((dialed) => dialed.address)).toEqual(['a:1', 'b:2', 'c:3', 'a:1', 'b:2', 'c:3', 'a:1']);
  pauses.forEach((pauseMs, index) => {
    const boundMs = Math.min(3_000, 500 * 2 ** Math.floor(index / 3));
    expect(pauseMs).toBeGreaterThanOrEqual(boundMs / 2);
    expect(pauseMs).toBeLessThan(boundMs);
  });
});

test('a link that opens and says nothing useful does not shorten the pause; established does', () => {
  const { session, clock, link, next } = aSession(['a:1']);
  session.start();
  clock.advance(0);
  for (let attempt = 0; attempt < 6; attempt += 1) {
    link().say('hello');
    link().end(failed);
    next();
  }
  link().end(failed);
  expect(next()).toBeGreaterThanOrEqual(1_500);
  session.established();
  link().end(failed);
  expect(next()).toBeLessThan(500);
});

test('a leader found by a hint stays known when every named master is gone', () => {
  const { session, clock, link, next } = aSession(['a:1']);
  session.start();
  clock.advance(0);
  link().end(notLeader('hidden:9'));
  next();
  session.established();
  link().end({ kind: 'silent' });
  const dialed: string[] = [];
  for (let attempt = 0; attempt < 4; attempt += 1) {
    next();
    dialed.push(link().address);
    link().end(failed);
  }
  expect(dialed).toEqual(['a:1', 'hidden:9', 'a:1', 'hidden:9']);
});

test('after the leader is lost the other masters are asked first: a dial to a dead machine takes long', () => {
  const { session, clock, link, next } = aSession(['a:1', 'b:2']);
  session.start();
  clock.advance(0);
  session.established();
  link().end({ kind: 'silent' });
  next();
  expect(link().address).toBe('b:2');
});

test('a link that was replaced is not heard any more', () => {
  const { session, clock, links, heard } = aSession(['a:1']);
  session.start();
  clock.advance(0);
  session.restart('no answer to our registration');
  clock.advance(10_000);
  const [old] = links;
  const before = [...heard];
  old?.say('ghost');
  old?.end(failed);
  expect(heard).toEqual(before);
  expect(links).toHaveLength(2);
});

test('restart closes the link at once, tells its owner after the turn and dials after a pause', () => {
  const { session, clock, heard, link, next } = aSession(['a:1']);
  session.start();
  clock.advance(0);
  session.restart('no answer');
  expect(link().state).toBe('closed by us');
  expect(heard).toEqual(['connected a:1']);
  clock.advance(0);
  expect(heard).toEqual(['connected a:1', 'disconnected failed']);
  session.restart('impatient: an attempt is on its way already');
  expect(next()).toBeGreaterThanOrEqual(250);
  expect(heard.at(-1)).toBe('connected a:1');
});

test.each<[state: string, reach: (fixture: ReturnType<typeof aSession>) => void]>([
  ['new', () => undefined],
  ['about to dial', ({ session }) => session.start()],
  ['connected', ({ session, clock }) => (session.start(), clock.advance(0))],
  ['restarting', ({ session, clock }) => (session.start(), clock.advance(0), session.restart('x'))],
  ['waiting', ({ session, clock, link }) => (session.start(), clock.advance(0), link().end(failed))],
])('after close in state "%s" nothing is heard, no timer is left and no link is open', (_state, reach) => {
  const fixture = aSession(['a:1']);
  reach(fixture);
  const before = [...fixture.heard];
  fixture.session.close();
  fixture.session.close();
  fixture.clock.advance(60_000);
  expect(fixture.clock.pendingCount).toBe(0);
  expect(fixture.heard).toEqual(before);
  expect(fixture.links.filter((link) => link.state === 'open')).toEqual([]);
});

describe('an address source that asks somebody', () => {
  function aSource() {
    let known: readonly string[] = [];
    let pending: ((trouble: string | undefined) => void) | undefined;
    let cancelled = 0;
    const source: AddressSource = {
      current: () => known,
      refresh(done) {
        pending = done;
        return () => {
          cancelled += 1;
          pending = undefined;
        };
      },
    };
    return {
      source,
      get cancelled() {
        return cancelled;
      },
      answer(addresses: readonly string[], trouble?: string) {
        known = addresses;
        const done = pending;
        pending = undefined;
        done?.(trouble);
      },
    };
  }

  test('is asked before each round, and its trouble is told while no master is known', () => {
    const source = aSource();
    const { session, clock, heard, next } = aSession(source.source);
    session.start();
    clock.advance(0);
    source.answer([], 'Cannot reach etcd at e:2379');
    expect(heard).toEqual(['disconnected failed']);
    next();
    source.answer(['a:1']);
    expect(heard.at(-1)).toBe('connected a:1');
  });

  test('is silenced by close', () => {
    const source = aSource();
    const { session, clock, heard } = aSession(source.source);
    session.start();
    clock.advance(0);
    session.close();
    expect(source.cancelled).toBe(1);
    source.answer(['a:1']);
    expect(heard).toEqual([]);
  });
});

test('whatever happens, one link is open at most, and connected and disconnected alternate (L1, L3)', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('end' as const), end: fc.constantFrom<LinkEnd>(failed, { kind: 'closed' }, { kind: 'silent' }, { kind: 'overflow' }, { kind: 'not-leader' }, notLeader('c:3'), notLeader('a:1')) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
    fc.record({ kind: fc.constant('ghost' as const), index: fc.nat(20) }),
    fc.constant({ kind: 'restart' as const }),
    fc.constant({ kind: 'established' as const }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const { session, clock, links, heard } = aSession(['a:1', 'b:2']);
      session.start();
      for (const step of actions) {
        if (step.kind === 'advance') clock.advance(step.ms);
        else if (step.kind === 'restart') session.restart('test');
        else if (step.kind === 'established') session.established();
        else if (step.kind === 'ghost') links.filter((link) => link.state === 'closed by us')[step.index]?.end(failed);
        else {
          const open = links.find((link) => link.state === 'open');
          open?.end(step.end);
        }
        expect(links.filter((link) => link.state === 'open').length).toBeLessThanOrEqual(1);
        // Something is always under way: a live link, or exactly one timer.
        expect(links.filter((link) => link.state === 'open').length + clock.pendingCount).toBe(1);
      }
      let connected = false;
      for (const line of heard) {
        if (line.startsWith('connected')) {
          expect(connected).toBe(false);
          connected = true;
        } else connected = false;
      }
      session.close();
      expect(clock.pendingCount).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test('a pause lies in the upper half of its bound, and the bound stops growing at the maximum', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const delayMs = backoffDelayMs(masterBackoff, attempt, random);
      expect(delayMs).toBeGreaterThanOrEqual(250);
      expect(delayMs).toBeLessThanOrEqual(3_000);
    }),
  );
  expect([0, 1, 2, 3, 9].map((attempt) => backoffDelayMs(masterBackoff, attempt, 0))).toEqual([250, 500, 1_000, 1_500, 1_500]);
});

test.each<[LinkEnd, RegExp]>([
  [{ kind: 'closed' }, /closed/],
  [failed, /refused/],
  [{ kind: 'silent' }, /nothing was heard/],
  [{ kind: 'overflow' }, /does not take/],
  [{ kind: 'not-leader' }, /knows no leader/],
  [notLeader('c:3'), /c:3 does/],
])('%j has a clause for people', (end, clause) => {
  expect(describeLinkEnd(end)).toMatch(clause);
});
