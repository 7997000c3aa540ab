// Proves that whoever waits for a job sees how far it is, on a terminal and in a log, and that options are read as written.

import { VirtualClock } from '../../frameworks/sdk/testing';
import { readByteSize } from '../../frameworks/particles/byte-size';
import { JobDisplay, progressLine, type ProgressFigures } from '../../frameworks/particles/job-display';
import { localAddressTowards, readHostPort } from '../../frameworks/particles/local-address';

const figures: ProgressFigures = { share: 0.5, particles: 1_234_567, particlesPerSecond: 1.25e6, secondsLeft: 1.2, running: 2, waitingFor: undefined, hasBar: false };

test.each<[claim: string, change: Partial<ProgressFigures>, line: string]>([
  ['half-way', {}, ' 50 %  1,234,567 particles  1.3 M/s  2 s left  2 chunks running'],
  ['with a bar', { hasBar: true, share: 0.25 }, '[######                  ]  25 %  1,234,567 particles  1.3 M/s  2 s left  2 chunks running'],
  ['just before the end it is not 100 %', { share: 0.9999, running: 1 }, ' 99 %  1,234,567 particles  1.3 M/s  2 s left  1 chunk running'],
  ['at the end nothing is left', { share: 1, running: 0 }, '100 %  1,234,567 particles  1.3 M/s'],
  ['before anything is known', { share: 0, particles: 0, particlesPerSecond: 0, secondsLeft: undefined, running: 0, waitingFor: 'a master' }, '  0 %  0 particles  waiting for a master'],
  ['hours', { secondsLeft: 7_384, particlesPerSecond: 1_500 }, ' 50 %  1,234,567 particles  1.5 k/s  2 h 3 min left  2 chunks running'],
])('%s', (_claim, change, line) => {
  expect(progressLine({ ...figures, ...change })).toBe(line);
});

function aDisplay(columns: number | undefined): { readonly clock: VirtualClock; readonly display: JobDisplay; readonly written: string[] } {
  const clock = new VirtualClock();
  const written: string[] = [];
  const display = new JobDisplay({
    clock,
    write: (text) => written.push(text),
    columns: () => columns,
    progress: () => ({ doneBytes: clock.nowMs(), totalBytes: 20_000, particles: clock.nowMs(), running: 1 }),
    waitingFor: () => undefined,
  });
  return { clock, display, written };
}

test('a log gets a line every few seconds and no control characters', () => {
  const { clock, display, written } = aDisplay(undefined);
  clock.advance(11_000);
  display.message('the master is away');
  display.message('the master is away');
  expect(written).toEqual([
    ' 25 %  5,000 particles  1.0 k/s  15 s left  1 chunk running\n',
    ' 50 %  10,000 particles  1.0 k/s  10 s left  1 chunk running\n',
    'allot-particles: the master is away\n',
  ]);
  display.close(false);
  expect(clock.nextAtMs()).toBe(Infinity);
});

test('a terminal gets one line that is drawn anew and never wraps', () => {
  const { clock, written } = aDisplay(40);
  clock.advance(1_000);
  expect(written).toHaveLength(10);
  for (const text of written) {
    expect(text.startsWith('\r\u001b[K')).toBe(true);
    expect(text.length - 4).toBeLessThan(40);
    expect(text).not.toContain('\n');
  }
});

test.each<[string, number | undefined]>([['512', 512], ['64kb', 65_536], ['4MB', 4_194_304], ['1.5gb', 1_610_612_736], ['0.3b', undefined], ['4 mb', 4_194_304], ['mb', undefined], ['-1', undefined], ['4tb', undefined]])(
  'the size %s is read as %p',
  (text, bytes) => expect(readByteSize(text)).toBe(bytes),
);

test.each<[string, object | undefined]>([
  ['pi1.local:80', { host: 'pi1.local', port: 80 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['::1:80', undefined],
  ['host', undefined],
  ['host:70000', undefined],
])('the address %s is read as %p', (text, address) => expect(readHostPort(text)).toEqual(address));

test.each(['127.0.0.1:5050', 'etcd://127.0.0.1:2379/allot', '127.0.0.1:1,192.0.2.1:5050'])('towards %s this machine is its loopback address', async (master) => {
  expect(await localAddressTowards(master)).toBe('127.0.0.1');
});
