// Proves the text forms of durations and sizes: round trip by property, forms and refusals by table.

import fc from 'fast-check';
import { formatDuration, formatMesosDuration, formatMesosSize, formatSize, parseDuration, parseSize } from '../../common/units';

test.each([
  ['0', 0],
  ['0s', 0],
  ['250ms', 250],
  ['5s', 5000],
  ['5secs', 5000],
  ['1.5s', 1500],
  ['1.1m', 66_000],
  ['1.005s', 1005],
  ['15m', 900_000],
  ['15mins', 900_000],
  ['1h', 3_600_000],
  ['2hrs', 7_200_000],
  ['1d', 86_400_000],
  ['3days', 259_200_000],
  ['1w', 604_800_000],
  ['2weeks', 1_209_600_000],
  [' 5 Secs ', 5000],
])('%j is %d ms', (text, ms) => {
  expect(parseDuration(text, 'f')).toEqual({ ok: true, value: ms });
});

test.each([
  ['64kb', 65_536],
  ['512mb', 536_870_912],
  ['512MB', 536_870_912],
  ['2gb', 2_147_483_648],
  ['1tb', 1_099_511_627_776],
  ['100b', 100],
  ['1.5kb', 1536],
  ['0', 0],
])('%j is %d bytes', (text, bytes) => {
  expect(parseSize(text, 'f')).toEqual({ ok: true, value: bytes });
});

test.each(['', '5', 's', '-5s', '5 parsecs', '5s5', '1e3s', '0.5ms', '1.00001ms', '0.0001s', '9999999999999w', 'NaNs', '.5s', '5kb'])('%j is no duration, and the refusal names the field', (text) => {
  expect(parseDuration(text, '--offer-timeout')).toMatchObject({ ok: false, refusal: { field: '--offer-timeout', value: JSON.stringify(text) } });
});

test.each(['', '5', 'mb', '-1mb', '0.5b', '5s', '99999999tb'])('%j is no size, and the refusal names the field', (text) => {
  expect(parseSize(text, '--cache')).toMatchObject({ ok: false, refusal: { field: '--cache', value: JSON.stringify(text) } });
});

test('U1: parsing what was printed gives the same number, in both forms', () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(10_000).map((n) => n * 60_000), fc.nat(1000).map((n) => n * 1024 ** 2)), (number) => {
      for (const text of [formatDuration(number), formatMesosDuration(number)]) expect(parseDuration(text, 'f')).toEqual({ ok: true, value: number });
      for (const text of [formatSize(number), formatMesosSize(number)]) expect(parseSize(text, 'f')).toEqual({ ok: true, value: number });
    }),
  );
});

test.each([
  [0, '0s', '0secs'],
  [250, '250ms', '250ms'],
  [5000, '5s', '5secs'],
  [90_000, '90s', '90secs'],
  [5_400_000, '90m', '90mins'],
  [86_400_000, '1d', '1days'],
  [604_800_000, '1w', '1weeks'],
])('%d ms prints as %s, and as %s for Mesos', (ms, short, mesos) => {
  expect([formatDuration(ms), formatMesosDuration(ms)]).toEqual([short, mesos]);
});

test.each([
  [0, '0b', '0B'],
  [100, '100b', '100B'],
  [65_536, '64kb', '64KB'],
  [536_870_912, '512mb', '512MB'],
  [1536 * 1024 ** 2, '1536mb', '1536MB'],
])('%d bytes print as %s, and as %s for Mesos', (bytes, short, mesos) => {
  expect([formatSize(bytes), formatMesosSize(bytes)]).toEqual([short, mesos]);
});
