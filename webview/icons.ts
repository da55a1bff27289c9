/** Signs of 16 × 16 points, drawn with the colour of their place; each differs from the others in shape. */
import { drawing } from './element.ts';
import type { Mark, Tone } from './dashboardSchema.ts';

/** Beside a text that says the same: hidden from screen readers. */
export function icon(mark: Mark, tone: Tone): SVGSVGElement {
  const attributes = { class: `icon tone-${tone} mark-${mark}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' };
  return drawing('svg', attributes, ...iconShapes(mark));
}

function iconShapes(mark: Mark): SVGElement[] {
  return shapes[mark].map(line);
}

/** The sign as a light glyph on a disc of its colour, with a radius of 8 around the origin: for places where it lies over other things. */
export function badgeShapes(mark: Mark): SVGElement[] {
  const glyph = shapes[mark].filter((shape) => shape !== ring);
  const scale = glyph.length < shapes[mark].length ? 1 : 0.68;
  const transform = `scale(${scale}) translate(-8 -8)`;
  return [
    drawing('circle', { class: 'badge-disc', r: '8' }),
    drawing('g', { class: 'badge-glyph', transform }, ...glyph.map(line)),
  ];
}

function line(shape: string): SVGElement {
  return drawing('path', {
    d: shape,
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '1.4',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  });
}

const ring = 'M8 1.7a6.3 6.3 0 1 0 0 12.6A6.3 6.3 0 0 0 8 1.7Z';
const bell = 'M8 2a4 4 0 0 0-4 4v3L2.8 11.3h10.4L12 9V6a4 4 0 0 0-4-4ZM6.6 13.2a1.5 1.5 0 0 0 2.8 0';

/** Paths, all drawn as lines. */
const shapes: Readonly<Record<Mark, readonly string[]>> = {
  pass: [ring, 'm5.2 8.2 2 2 3.7-4.2'],
  warning: ['M8 2 14.6 13.7H1.4Z', 'M8 6.4v3.3M8 11.7v.1'],
  error: [ring, 'm5.7 5.7 4.6 4.6m0-4.6-4.6 4.6'],
  info: [ring, 'M8 7.4v3.6M8 5v.1'],
  clock: [ring, 'M8 4.6V8l2.3 1.7'],
  timedOut: ['M4 1.9h8M4 14.1h8M5 2c0 3.2 3 4.2 3 6s-3 2.8-3 6M11 2c0 3.2-3 4.2-3 6s3 2.8 3 6'],
  cancelled: [ring, 'm3.7 12.3 8.6-8.6'],
  lost: [ring, 'M6.2 6.3a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.9.6-.9 1.2M8 11.3v.1'],
  skipped: ['M2.5 9a5.5 5.5 0 0 1 10.7-1.7M13.7 3.7l-.4 3.7-3.5-1M8 12.5v.1'],
  missed: ['M2.5 3.5h11v10h-11ZM2.5 6.5h11M5.5 2v2.5M10.5 2v2.5', 'm6.3 8.4 3.4 3.4m0-3.4-3.4 3.4'],
  running: ['M13.9 8A5.9 5.9 0 0 1 3.4 11.7M2.1 8A5.9 5.9 0 0 1 12.6 4.3', 'M12.9 1.8v2.7h-2.7M3.1 14.2v-2.7h2.7'],
  bell: [bell],
  bellOff: [bell, 'M2.5 2.5l11 11'],
  tools: [
    'M10.2 2.2a3.6 3.6 0 0 0-3.6 4.9L2.2 11.5a1.6 1.6 0 0 0 2.3 2.3l4.4-4.4a3.6 3.6 0 0 0 4.7-4.6l-2.1 2-1.9-.5-.5-1.9Z',
  ],
  calendar: ['M2.5 3.5h11v10h-11ZM2.5 6.5h11M5.5 2v2.5M10.5 2v2.5'],
  host: ['M2.5 2.8h11v4.2h-11ZM2.5 9h11v4.2h-11ZM5 4.9v.1M5 11.1v.1'],
  offline: ['M2.5 2.8h11v4.2h-11ZM2.5 9h11v4.2h-11Z', 'M1.5 14.5l13-13'],
};
