// Proves that the pictures and reports hold what a reader needs, and keep their shape for any tally.

import fc from 'fast-check';
import { countBytes } from '../../frameworks/particles/count';
import { generateParticles } from '../../frameworks/particles/generate';
import { plotSvg, plotTerminal } from '../../frameworks/particles/plot';
import { resultJson, resultReport } from '../../frameworks/particles/result-report';
import { Tally } from '../../frameworks/particles/tally';

function tallyOf(landings: readonly number[]): Tally {
  const tally = new Tally();
  for (const landing of landings) tally.add(landing);
  return tally;
}

const landings = fc.array(fc.double({ noDefaultInfinity: true }), { maxLength: 30 });

test('the SVG is a document of its own with title, summary, axes, and a bar with its count for each filled bin', () => {
  const svg = plotSvg(tallyOf([0, 0, 3, 3, 3, -20, NaN]), { title: 'Where <they> land' });
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/);
  expect(svg).toMatch(/<\/svg>\n$/);
  for (const text of ['Where &lt;they&gt; land', '7 particles: 1 negative', 'never land', 'negative side', 'positive side', '>origin<', 'particles in the bin', '>10<', '>−10<']) {
    expect(svg).toContain(text);
  }
  expect(Array.from(svg.matchAll(/<title>([^<]*: \d+)<\/title>/g), ([, label]) => label)).toEqual([
    'exactly at the origin: 2',
    '−15.8 to −25.1: 1',
    '2.51 to 3.98: 3',
  ]);
});

test('every coordinate of the SVG is a number, and as many bars as filled bins are drawn inside the picture, whatever the tally', () => {
  fc.assert(
    fc.property(landings, (places) => {
      const tally = tallyOf(places);
      const svg = plotSvg(tally);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      const bars = Array.from(svg.matchAll(/<rect x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"/g), (match) => match.slice(1).map(Number));
      const { histogram, origin } = tally.toJSON();
      expect(bars).toHaveLength(histogram.negative.length + histogram.positive.length + (origin > 0 ? 1 : 0));
      for (const [x = NaN, y = NaN, width = NaN, height = NaN] of bars) {
        expect(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 1120 && y + height <= 560).toBe(true);
      }
    }),
  );
});

test('the picture is symmetric: the mirrored tally has the mirrored bars', () => {
  const xs = (places: number[]): number[] => Array.from(plotSvg(tallyOf(places)).matchAll(/<rect x="([-\d.]+)" y="[-\d.]+" width="([-\d.]+)"/g), ([, x, width]) => Number(x) + Number(width) / 2);
  const [left] = xs([-50, 0.1, -0.1].slice(0, 1));
  const [right] = xs([50]);
  // 96 and 32 are the margins of a picture of 1120: its centre is 592.
  expect((left ?? NaN) + (right ?? NaN)).toBeCloseTo(2 * 592, 1);
});

test('each line of the terminal histogram fills the width exactly and their counts add up to all that land', () => {
  fc.assert(
    fc.property(landings, fc.integer({ min: 10, max: 200 }), (places, width) => {
      const tally = tallyOf(places);
      const lines = plotTerminal(tally, width).split('\n').slice(0, -1);
      for (const line of lines) expect(Array.from(line)).toHaveLength(Math.max(40, width));
      const counted = lines.reduce((sum, line) => sum + Number(/(\d+)$/.exec(line)?.[1]), 0);
      expect(counted).toBe(tally.particles - tally.never);
      expect(lines.filter((line) => line.includes('origin'))).toHaveLength(1);
    }),
  );
});

test('the terminal histogram reads from the far negative to the far positive side', () => {
  expect(plotTerminal(tallyOf([-50, -5, 0, 0, 5, 5, 5, 50]), 40).split('\n')).toEqual([
    '  −10² … −10 │████████                 1',
    '    −10 … −1 │████████                 1',
    '      origin │████████████████         2',
    '      1 … 10 │████████████████████████ 3',
    '    10 … 10² │████████                 1',
    '',
  ]);
});

const countOf = (text: string) => countBytes(Buffer.from(text), 'count').count;

test('the JSON result has exactly the six keys, so two results compare as they are', () => {
  expect(resultJson(countOf('1 -3 2\n1 3 2\n1 0 0\n1 0 1\nx\n'))).toEqual({ particles: 4, negative: 1, positive: 1, origin: 1, never: 1, malformed: 1 });
});

test('the report tells counts with shares, and malformed lines by number and fault', () => {
  const report = resultReport(countOf(`${'1 -3 2\n'.repeat(1500)}1 3 2\n${'x\n'.repeat(12)}`), 80);
  expect(report).toContain('Particles                   1,501\n');
  expect(report).toContain('  land on the positive side 1,500   99.93 %\n');
  expect(report).toContain('line 1502: it is "x", expected three numbers "a b c" instead of 1 field');
  expect(report).toContain('  and 2 more\n');
});

test('a report of nothing is a report, without shares of nothing', () => {
  const report = resultReport(countOf(''), 80);
  expect(report).toContain('Particles                   0\n');
  expect(report).not.toMatch(/NaN|Malformed/);
});

test('a picture of a generated file has bars on both sides', () => {
  const text = Array.from(generateParticles(2000, 1, 'short'), (piece) => Buffer.from(piece).toString()).join('');
  const svg = plotSvg(countOf(text).tally);
  expect(svg.match(/fill="#b4513c"><title>/g)?.length).toBeGreaterThan(5);
  expect(svg.match(/fill="#2f6690"><title>/g)?.length).toBeGreaterThan(5);
});
