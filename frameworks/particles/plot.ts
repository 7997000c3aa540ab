// Plot: a tally as a picture, for the browser (SVG) and for the terminal.
//
// Owns:      drawing. Both functions are pure: the same tally gives the same characters.
// Elsewhere: the bins (tally.ts), where a picture is written (commands/).
// The axis: distance from the origin is logarithmic to both sides and symmetric; the origin, which no logarithm reaches, has a bar of its own
// in the middle. Only the decades that hold something are drawn, the same to the left and to the right.

import { printedCount, printedPowerOfTen } from './printed-number';
import { BIN_COUNT, binBounds, BINS_PER_DECADE, GREATEST_DECADE, LEAST_DECADE, Tally } from './tally';

type Side = 'negative' | 'positive';

/** The decades that are drawn, and whether the bins nearer and farther than all decades are. */
interface Extent {
  /** Least distance is 10^leastDecade, most is 10^greatestDecade. */
  readonly leastDecade: number;
  readonly greatestDecade: number;
  readonly isNearestFilled: boolean;
  readonly isFarthestFilled: boolean;
}

function extentOf(tally: Tally): Extent {
  const isFilled = (bin: number): boolean => tally.binCount('negative', bin) + tally.binCount('positive', bin) > 0;
  const decadeBins = Array.from({ length: BIN_COUNT - 2 }, (_unused, index) => index).filter((index) => isFilled(index + 1));
  // With nothing to draw, one decade to either side of 1 makes an axis all the same.
  const least = Math.floor((decadeBins[0] ?? -LEAST_DECADE * BINS_PER_DECADE) / BINS_PER_DECADE) + LEAST_DECADE;
  const greatest = Math.floor((decadeBins.at(-1) ?? -LEAST_DECADE * BINS_PER_DECADE) / BINS_PER_DECADE) + LEAST_DECADE + 1;
  const isNearestFilled = isFilled(0);
  const isFarthestFilled = isFilled(BIN_COUNT - 1);
  return {
    // A bar at the end of all decades means "farther than 10⁹" and must stand at 10⁹.
    leastDecade: isNearestFilled ? LEAST_DECADE : least,
    greatestDecade: isFarthestFilled ? GREATEST_DECADE : greatest,
    isNearestFilled,
    isFarthestFilled,
  };
}

/** What the picture says above itself. */
export interface SvgOptions {
  /** Default `Where the particles land`. */
  readonly title?: string;
}

const WIDTH = 1120;
const HEIGHT = 560;
const MARGIN = { top: 92, right: 32, bottom: 84, left: 96 };
/** Bars as wide as 1½ bins for what has no width on the axis (origin, nearest, farthest), so that they can be seen and pointed at. */
const SPECIAL_WIDTH_BINS = 1.5;
const GAP_BINS = 0.75;
const COLOURS = { negative: '#b4513c', positive: '#2f6690', origin: '#3f3f46', ink: '#1f2933', faint: '#616e7c', grid: '#e4e7eb', paper: '#ffffff' };

interface Bar {
  readonly x: number;
  readonly width: number;
  readonly count: number;
  readonly colour: string;
  readonly label: string;
}

/** A standalone SVG document with the histogram of landing places: title, summary, both axes with ticks, bars that tell their count when pointed at. */
export function plotSvg(tally: Tally, options: SvgOptions = {}): string {
  const extent = extentOf(tally);
  const axis = svgAxis(extent);
  const bars = svgBars(tally, extent, axis);
  const plotHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
  const baseline = MARGIN.top + plotHeight;
  const { step, top } = niceScale(Math.max(1, ...bars.map((bar) => bar.count)));
  const yOf = (count: number): number => baseline - (count / top) * plotHeight;
  const title = escaped(options.title ?? 'Where the particles land');

  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="${COLOURS.ink}">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${COLOURS.paper}"/>`,
    `<text x="${MARGIN.left}" y="36" font-size="22" font-weight="600">${title}</text>`,
    `<text x="${MARGIN.left}" y="62" fill="${COLOURS.faint}">${summary(tally)}</text>`,
  ];
  for (let count = 0; count <= top; count += step) {
    const y = rounded(yOf(count));
    parts.push(`<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" stroke="${COLOURS.grid}"/>`);
    parts.push(`<text x="${MARGIN.left - 10}" y="${rounded(y + 4.5)}" text-anchor="end">${printedCount(count)}</text>`);
  }
  for (const bar of bars.filter(({ count }) => count > 0)) {
    // A single particle among millions is still drawn: half a pixel at least.
    const height = Math.max(0.5, baseline - yOf(bar.count));
    parts.push(
      `<rect x="${rounded(bar.x)}" y="${rounded(baseline - height)}" width="${rounded(bar.width)}" height="${rounded(height)}" fill="${bar.colour}">` +
        `<title>${escaped(bar.label)}: ${printedCount(bar.count)}</title></rect>`,
    );
  }
  parts.push(`<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${baseline}" y2="${baseline}" stroke="${COLOURS.ink}"/>`);
  for (const tick of axis.ticks) {
    const x = rounded(tick.x);
    parts.push(`<line x1="${x}" x2="${x}" y1="${baseline}" y2="${baseline + 6}" stroke="${COLOURS.ink}"/>`);
    if (tick.label !== '') parts.push(`<text x="${x}" y="${baseline + 22}" text-anchor="middle">${escaped(tick.label)}</text>`);
  }
  const centre = rounded(axis.centre);
  parts.push(
    `<text x="${rounded((MARGIN.left + axis.centre) / 2)}" y="${baseline + 46}" text-anchor="middle" fill="${COLOURS.negative}">← negative side</text>`,
    `<text x="${centre}" y="${baseline + 46}" text-anchor="middle" fill="${COLOURS.origin}">origin</text>`,
    `<text x="${rounded((WIDTH - MARGIN.right + axis.centre) / 2)}" y="${baseline + 46}" text-anchor="middle" fill="${COLOURS.positive}">positive side →</text>`,
    `<text x="${centre}" y="${baseline + 70}" text-anchor="middle" fill="${COLOURS.faint}">landing place x, ${BINS_PER_DECADE} bins a decade (symmetric logarithmic axis)</text>`,
    `<text transform="translate(24 ${rounded(MARGIN.top + plotHeight / 2)}) rotate(-90)" text-anchor="middle" fill="${COLOURS.faint}">particles in the bin</text>`,
    '</svg>',
  );
  return `${parts.join('\n')}\n`;
}

interface SvgAxis {
  /** Horizontal position of the origin. */
  readonly centre: number;
  /** Horizontal distance from the centre of 10^leastDecade, and the width of one bin. */
  readonly inner: number;
  readonly binWidth: number;
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
}

function svgAxis(extent: Extent): SvgAxis {
  const bins = (extent.greatestDecade - extent.leastDecade) * BINS_PER_DECADE;
  const innerBins = SPECIAL_WIDTH_BINS / 2 + GAP_BINS + (extent.isNearestFilled ? SPECIAL_WIDTH_BINS : 0);
  const outerBins = extent.isFarthestFilled ? SPECIAL_WIDTH_BINS : 0;
  const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
  const binWidth = plotWidth / 2 / (bins + innerBins + outerBins);
  const centre = MARGIN.left + plotWidth / 2;
  const inner = innerBins * binWidth;
  const ticks = [{ x: centre, label: '0' }];
  // A label needs about 48 pixels.
  const labelEvery = Math.ceil(48 / (binWidth * BINS_PER_DECADE));
  for (let decade = extent.leastDecade; decade <= extent.greatestDecade; decade++) {
    const distance = inner + (decade - extent.leastDecade) * BINS_PER_DECADE * binWidth;
    // Counted from 1, which every reader looks for. Next to the origin there is room for one label, that of the origin, unless the nearest bins hold it off.
    const isLabelled = decade % labelEvery === 0 && distance >= 40;
    const power = isLabelled ? printedPowerOfTen(decade) : '';
    ticks.push({ x: centre - distance, label: power === '' ? '' : `−${power}` }, { x: centre + distance, label: power });
  }
  return { centre, inner, binWidth, ticks };
}

function svgBars(tally: Tally, extent: Extent, axis: SvgAxis): Bar[] {
  const { centre, inner, binWidth } = axis;
  const special = SPECIAL_WIDTH_BINS * binWidth;
  const bars: Bar[] = [{ x: centre - special / 2, width: special, count: tally.origin, colour: COLOURS.origin, label: 'exactly at the origin' }];
  const firstBin = 1 + (extent.leastDecade - LEAST_DECADE) * BINS_PER_DECADE;
  const endBin = 1 + (extent.greatestDecade - LEAST_DECADE) * BINS_PER_DECADE;
  for (const side of ['negative', 'positive'] as const) {
    const add = (distance: number, width: number, bin: number): void => {
      const x = side === 'positive' ? centre + distance : centre - distance - width;
      bars.push({ x, width, count: tally.binCount(side, bin), colour: COLOURS[side], label: binLabel(side, bin) });
    };
    if (extent.isNearestFilled) add(inner - special, special, 0);
    // A hair's breadth between bars keeps neighbours of equal height apart.
    for (let bin = firstBin; bin < endBin; bin++) add(inner + (bin - firstBin) * binWidth + 0.25, binWidth - 0.5, bin);
    if (extent.isFarthestFilled) add(inner + (endBin - firstBin) * binWidth + 0.25, special - 0.25, BIN_COUNT - 1);
  }
  return bars;
}

function binLabel(side: Side, bin: number): string {
  const sign = side === 'negative' ? '−' : '';
  if (bin === 0) return `${side} side, nearer than ${printedPowerOfTen(LEAST_DECADE)}`;
  if (bin === BIN_COUNT - 1) return `${side} side, ${printedPowerOfTen(GREATEST_DECADE)} or farther`;
  const { least, most } = binBounds(bin);
  const edge = (distance: number): string =>
    `${sign}${distance >= 0.001 && distance < 100_000 ? Number(distance.toPrecision(3)) : distance.toExponential(2)}`;
  return `${edge(least)} to ${edge(most)}`;
}

function summary(tally: Tally): string {
  const { particles } = tally;
  const share = (n: number, what: string): string => `${printedCount(n)} ${what} (${particles === 0 ? '0' : ((100 * n) / particles).toFixed(1)} %)`;
  const parts = [
    `${printedCount(particles)} particles: ${share(tally.negative, 'negative')}`,
    share(tally.positive, 'positive'),
    share(tally.origin, 'at the origin'),
    share(tally.never, 'never land'),
  ];
  return `${parts.join(', ')}${tally.malformed > 0 ? `; ${printedCount(tally.malformed)} malformed lines` : ''}`;
}

/** A step of 1, 2 or 5 times a power of ten that divides the axis into four to ten parts, and the first multiple of it not below `most`. */
function niceScale(most: number): { readonly step: number; readonly top: number } {
  const rough = most / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10));
  return { step, top: Math.ceil(most / step) * step };
}

/** Terminals narrower than this show no bars worth looking at. */
export const TERMINAL_WIDTH_MIN = 40;

/**
 * A histogram of lines that end in LF: a line a decade from the far negative side over the origin to the far positive side, bars in eighths of
 * a column, each with its count.
 *
 * @param width columns to fill; below {@link TERMINAL_WIDTH_MIN} it is that
 */
export function plotTerminal(tally: Tally, width: number): string {
  const extent = extentOf(tally);
  const positive = terminalRows(tally, extent, 'positive');
  const negative = terminalRows(tally, extent, 'negative').reverse();
  const rows = [...negative, { label: 'origin', count: tally.origin }, ...positive];
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const most = Math.max(1, ...rows.map(({ count }) => count));
  const countWidth = printedCount(most).length;
  const barWidth = Math.max(TERMINAL_WIDTH_MIN, Math.floor(width)) - labelWidth - countWidth - 5;
  return rows
    .map(({ label, count }) => `  ${label.padStart(labelWidth)} │${bar(count / most, count > 0, barWidth)} ${printedCount(count).padStart(countWidth)}`)
    .map((line) => `${line}\n`)
    .join('');
}

function terminalRows(tally: Tally, extent: Extent, side: Side): { readonly label: string; readonly count: number }[] {
  const sign = side === 'negative' ? '−' : '';
  const rows: { label: string; count: number }[] = [];
  if (extent.isNearestFilled) rows.push({ label: `${sign}0 … ${sign}${printedPowerOfTen(LEAST_DECADE)}`, count: tally.binCount(side, 0) });
  for (let decade = extent.leastDecade; decade < extent.greatestDecade; decade++) {
    const firstBin = 1 + (decade - LEAST_DECADE) * BINS_PER_DECADE;
    let count = 0;
    for (let bin = firstBin; bin < firstBin + BINS_PER_DECADE; bin++) count += tally.binCount(side, bin);
    const ends = [`${sign}${printedPowerOfTen(decade)}`, `${sign}${printedPowerOfTen(decade + 1)}`];
    rows.push({ label: (side === 'negative' ? ends.reverse() : ends).join(' … '), count });
  }
  if (extent.isFarthestFilled) rows.push({ label: `beyond ${sign}${printedPowerOfTen(GREATEST_DECADE)}`, count: tally.binCount(side, BIN_COUNT - 1) });
  return rows;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of `share` of the width, padded to it; what is there at all shows at least an eighth. */
function bar(share: number, isThere: boolean, width: number): string {
  const eighths = Math.max(isThere ? 1 : 0, Math.round(share * width * 8));
  return `${'█'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8] ?? ''}`.padEnd(width);
}

/** Coordinates to a hundredth of a pixel: finer is invisible and makes the file large. */
function rounded(coordinate: number): number {
  return Math.round(coordinate * 100) / 100;
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
