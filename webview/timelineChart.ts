/** The timeline: names on the left, the chart on the right; one stop of the Tab key, arrow keys within. */
import type { Bar, Row, Timeline } from './dashboardSchema.ts';
import { element, type Child } from './element.ts';
import { icon } from './icons.ts';
import { heading, note, spoken, type RunCommand } from './parts.ts';
import { TimelineDetails } from './timelineDetails.ts';
import { barKey, drawTimeline } from './timelineDrawing.ts';
import { firstPlace, nextPlace, type Place } from './timelineKeys.ts';

export class TimelineChart {
  readonly #run: RunCommand;
  readonly #details = new TimelineDetails();
  readonly #frame = element('div', { class: 'chart-frame' });
  #rows: readonly Row[] = [];
  /** The bar that the Tab key leads to. */
  #stop: string | null = null;

  constructor(run: RunCommand) {
    this.#run = run;
    this.#listen();
  }

  draw(timeline: Timeline): readonly Child[] {
    this.#rows = timeline.rows;
    const place = this.#placeOf(this.#stop) ?? firstPlace(this.#bars());
    const stop = place === null ? null : this.#barAt(place);
    this.#stop = stop?.id ?? null;
    this.#details.hide();
    this.#frame.replaceChildren(drawTimeline(timeline, stop), this.#details.root);
    const bands = timeline.bands.map((band) => band.label);
    return [
      element(
        'div',
        { class: 'timeline-head' },
        heading('Last 24 hours', null),
        timeline.rows.length === 0 ? null : legend(),
      ),
      bands.length === 0 ? null : spoken(`Maintenance windows: ${bands.join('; ')}`),
      timeline.rows.length === 0
        ? null
        : element(
            'div',
            { class: 'timeline-grid' },
            element('ul', { class: 'names' }, ...timeline.rows.map(rowName)),
            this.#frame,
          ),
      note(timeline.note),
    ];
  }

  #listen(): void {
    const onBar = (listener: (bar: Bar, anchor: Element) => void) => (event: Event) => {
      const anchor = event.target instanceof Element ? event.target.closest('[data-bar]') : null;
      const place = this.#placeOf(anchor?.getAttribute('data-bar') ?? null);
      const bar = place === null ? null : this.#barAt(place);
      if (bar !== null && anchor !== null) listener(bar, anchor);
      else this.#details.hide();
    };
    const show = onBar((bar, anchor) => {
      this.#details.show(bar, anchor, this.#frame);
    });
    const open = onBar((bar) => {
      if (bar.command !== null) this.#run(bar.command);
    });
    this.#frame.addEventListener('pointerover', show);
    this.#frame.addEventListener('focusin', show);
    this.#frame.addEventListener('click', open);
    this.#frame.addEventListener('pointerleave', () => {
      this.#details.hide();
    });
    this.#frame.addEventListener('focusout', () => {
      this.#details.hide();
    });
    this.#frame.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === 'Escape') this.#details.hide();
      else if (event.key === 'Enter' || event.key === ' ') open(event);
      else if (!this.#move(event.key)) return;
      event.preventDefault();
    });
  }

  /** True when the key led somewhere. */
  #move(key: string): boolean {
    const from = this.#placeOf(this.#stop);
    const to = from === null ? null : nextPlace(this.#bars(), from, key);
    const bar = to === null ? null : this.#barAt(to);
    if (bar === null) return false;
    this.#elementOf(this.#stop)?.setAttribute('tabindex', '-1');
    this.#stop = bar.id;
    const next = this.#elementOf(bar.id);
    next?.setAttribute('tabindex', '0');
    next?.focus();
    return true;
  }

  #elementOf(id: string | null): SVGElement | null {
    const key = id === null ? null : barKey(id);
    const all = this.#frame.querySelectorAll<SVGElement>('[data-key]');
    return [...all].find((one) => one.dataset['key'] === key) ?? null;
  }

  #bars(): (readonly Bar[])[] {
    return this.#rows.map((row) => row.bars);
  }

  #barAt({ row, bar }: Place): Bar | null {
    return this.#rows[row]?.bars[bar] ?? null;
  }

  #placeOf(id: string | null): Place | null {
    if (id === null) return null;
    for (const [row, { bars }] of this.#rows.entries()) {
      const bar = bars.findIndex((one) => one.id === id);
      if (bar !== -1) return { row, bar };
    }
    return null;
  }
}

function rowName(row: Row): HTMLElement {
  return element(
    'li',
    { title: `${row.name}: ${row.text}` },
    row.mark === null ? element('span', { class: 'icon' }) : icon(row.mark, row.tone),
    element('span', { class: 'name' }, row.name),
    element('span', { class: 'name-text' }, row.text),
  );
}

function legend(): HTMLElement {
  const entries = [
    [icon('pass', 'good'), 'succeeded'],
    [icon('warning', 'warning'), 'warning'],
    [icon('error', 'bad'), 'failed'],
    [icon('running', 'busy'), 'running'],
    [element('span', { class: 'legend-band' }), 'window'],
    [element('span', { class: 'legend-next' }), 'next run'],
  ] as const;
  const items = entries.map(([sign, text]) => element('li', {}, sign, text));
  return element('ul', { class: 'legend', 'aria-label': 'Legend' }, ...items);
}
