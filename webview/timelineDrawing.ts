/** The picture of the timeline: bands, hours, now, and a bar for each run. Lengths along time are per cent, so that it fits any width. */
import type { Bar, Row, Timeline } from './dashboardSchema.ts';
import { drawing, percent, styled } from './element.ts';
import { badgeShapes } from './icons.ts';
import { spokenBar } from './timelineDetails.ts';

export const rowHeight = 30;
export const axisHeight = 22;
const barHeight = 14;
/** Narrower bars could not be seen, or pointed at. */
const narrowestBar = 4;
const narrowestTarget = 12;

/** Name of a bar among all elements that can have the focus. */
export function barKey(id: string): string {
  return `bar/${id}`;
}

export function drawTimeline(timeline: Timeline, focused: Bar | null): SVGSVGElement {
  const { rows } = timeline;
  const height = axisHeight + rows.length * rowHeight;
  return drawing(
    'svg',
    { class: 'chart', width: '100%', height: String(height), role: 'group', 'aria-label': chartLabel },
    ...ground(timeline, height),
    nowLine(timeline, height),
    ...rows.map((row, index) => drawRow(row, axisHeight + index * rowHeight, timeline, focused)),
  );
}

const chartLabel = 'Runs. Arrow keys go from run to run, Enter opens the output.';

function ground(timeline: Timeline, height: number): SVGElement[] {
  const at = positions(timeline);
  const future = drawing('rect', { class: 'future', y: String(axisHeight), height: String(height - axisHeight) });
  styled(future, { x: at(timeline.now), width: at(timeline.from + timeline.to - timeline.now) });
  const lines = timeline.rows.map((_, index) => {
    const y = String(axisHeight + index * rowHeight + 0.5);
    return drawing('line', { class: 'row-line', x1: '0', x2: '100%', y1: y, y2: y });
  });
  return [
    future,
    ...lines,
    ...timeline.ticks.filter(hasRoom(timeline)).flatMap((tick) => {
      const x = at(tick.at);
      return [
        drawing('line', { class: 'tick', x1: x, x2: x, y1: String(axisHeight), y2: String(height) }),
        drawing('text', { class: 'tick-label', x, y: '14', 'text-anchor': 'middle' }, tick.label),
      ];
    }),
    ...timeline.bands.map((band) => {
      const rect = drawing(
        'rect',
        { class: `band${band.open ? ' open' : ''}`, y: '17', height: String(height - 17) },
        drawing('title', {}, `Maintenance window: ${band.label}`),
      );
      return styled(rect, { x: at(band.from), width: `max(2px, ${percent(share(band.to - band.from, timeline))})` });
    }),
  ];
}

function drawRow(row: Row, top: number, timeline: Timeline, focused: Bar | null): SVGElement {
  const at = positions(timeline);
  const next =
    row.next === null
      ? []
      : [
          drawing(
            'svg',
            { class: 'next', x: at(row.next.at), y: String(top + rowHeight / 2), overflow: 'visible' },
            drawing('path', { d: 'M0 -5 5 0 0 5 -5 0Z' }, drawing('title', {}, `${row.name}: ${row.next.text}`)),
          ),
        ];
  return drawing(
    'g',
    { role: 'group', 'aria-label': row.name },
    ...next,
    ...row.bars.map((bar) => drawBar(bar, top, timeline, bar.id === focused?.id)),
    ...row.bars.filter(isMarked).map((bar) => drawMark(bar, top, timeline)),
  );
}

/** The bar itself, and a wider invisible one for the pointer. */
function drawBar(bar: Bar, top: number, timeline: Timeline, focusable: boolean): SVGElement {
  const at = positions(timeline);
  const from = Math.max(bar.from, timeline.from);
  const width = percent(share(bar.to - from, timeline));
  const y = top + (rowHeight - barHeight) / 2;
  const target = drawing('rect', { class: 'target', y: String(top), height: String(rowHeight) });
  const shape = drawing('rect', { class: 'bar', y: String(y), height: String(barHeight), rx: '2' });
  return drawing(
    'g',
    {
      class: `run tone-${bar.tone} mark-${bar.mark}`,
      role: 'button',
      tabindex: focusable ? '0' : '-1',
      'aria-label': spokenBar(bar),
      'aria-disabled': String(bar.command === null),
      'data-key': barKey(bar.id),
      'data-bar': bar.id,
    },
    styled(target, { x: `calc(${at(from)} - 4px)`, width: `max(${narrowestTarget}px, ${width} + 8px)` }),
    styled(shape, { x: at(from), width: `max(${narrowestBar}px, ${width})` }),
  );
}

/** The sign of a run that needs to be looked at, over its bar and all others of its row. */
function drawMark(bar: Bar, top: number, timeline: Timeline): SVGElement {
  const middle = (Math.max(bar.from, timeline.from) + Math.min(bar.to, timeline.to)) / 2;
  const attributes = {
    class: `mark tone-${bar.tone}`,
    x: positions(timeline)(middle),
    y: String(top + rowHeight / 2),
    overflow: 'visible',
    'data-bar': bar.id,
    'aria-hidden': 'true',
  };
  return drawing('svg', attributes, ...badgeShapes(bar.mark));
}

function isMarked(bar: Bar): boolean {
  return bar.mark !== 'pass' && bar.mark !== 'clock';
}

function nowLine(timeline: Timeline, height: number): SVGElement {
  const x = positions(timeline)(timeline.now);
  return drawing(
    'g',
    { class: 'now' },
    drawing('line', { x1: x, x2: x, y1: '18', y2: String(height) }),
    drawing('text', { x, y: '14', 'text-anchor': 'middle' }, 'now'),
  );
}

function positions(timeline: Timeline): (instant: number) => string {
  return (instant) => percent(share(instant - timeline.from, timeline));
}

function share(length: number, timeline: Timeline): number {
  return length / (timeline.to - timeline.from);
}

/** The word "now" needs its room, and the sides are no hours. */
function hasRoom(timeline: Timeline): (tick: { readonly at: number }) => boolean {
  return ({ at }) => {
    const place = share(at - timeline.from, timeline);
    return place > 0.02 && place < 0.98 && Math.abs(share(at - timeline.now, timeline)) > 0.035;
  };
}
