/** The dashboard as a whole: header, notices, sections; what is new in a word goes to the screen reader. */
import type { Body, Dashboard, Notice } from './dashboardSchema.ts';
import { element } from './element.ts';
import { drawAlerts } from './alerts.ts';
import { drawComponents } from './health.ts';
import { HostSwitcher } from './hostSwitcher.ts';
import { drawLifetimes } from './lifetimes.ts';
import { drawNotices } from './notices.ts';
import { actionButtons, type RunCommand } from './parts.ts';
import type { PageState } from './protocol.ts';
import { Section } from './section.ts';
import { drawTiles } from './tiles.ts';
import { TimelineChart } from './timelineChart.ts';

export interface PageParts {
  readonly root: HTMLElement;
  /** The live region. */
  readonly announcements: HTMLElement;
  readonly selectHost: (host: string) => void;
  readonly run: RunCommand;
  readonly remember: (state: PageState) => void;
}

export class DashboardPage {
  readonly #parts: PageParts;
  readonly #switcher: HostSwitcher;
  readonly #headerActions: Section<Dashboard['actions']>;
  readonly #notices: Section<{ readonly notices: readonly Notice[]; readonly alone: boolean }>;
  readonly #tiles: Section<Body['tiles']>;
  readonly #timeline: Section<Body['timeline']>;
  readonly #lifetimes: Section<Pick<Body, 'lifetimes' | 'notes'>>;
  readonly #components: Section<Pick<Body, 'components' | 'notes'>>;
  readonly #alerts: Section<Pick<Body, 'alerts' | 'notes'>>;
  readonly #header: HTMLElement;
  readonly #body: HTMLElement;
  #spoken = '';

  constructor(parts: PageParts) {
    const { run } = parts;
    const chart = new TimelineChart(run);
    this.#parts = parts;
    this.#switcher = new HostSwitcher(parts.selectHost);
    this.#headerActions = new Section('header-actions', null, (actions) => [actionButtons(actions, 'header', run)]);
    this.#notices = new Section('notices', null, ({ notices, alone }) => drawNotices(notices, alone, run));
    this.#tiles = new Section('tiles', 'Overview', (tiles) => drawTiles(tiles, run));
    this.#timeline = new Section('card timeline', 'Runs of the last 24 hours', (timeline) => chart.draw(timeline));
    this.#lifetimes = new Section('card lifetimes', 'Certificates', (model) => drawLifetimes(model, run));
    this.#components = new Section('card health', 'Health', drawComponents);
    this.#alerts = new Section('card alerts', 'Alerts', (model) => drawAlerts(model, run));
    this.#header = element('header', {}, this.#switcher.root, this.#headerActions.root);
    const columns = element(
      'div',
      { class: 'columns' },
      element('div', { class: 'column' }, this.#alerts.root, this.#lifetimes.root),
      element('div', { class: 'column' }, this.#components.root),
    );
    this.#body = element('main', {}, this.#tiles.root, this.#timeline.root, columns);
    parts.root.replaceChildren(this.#header, this.#notices.root, this.#body);
  }

  show(dashboard: Dashboard): void {
    const { body } = dashboard;
    this.#header.hidden = dashboard.selected === null;
    this.#switcher.show(dashboard);
    this.#headerActions.show(dashboard.actions);
    this.#notices.show({ notices: dashboard.notices, alone: body === null });
    this.#body.hidden = body === null;
    this.#body.classList.toggle('stale', dashboard.stale);
    if (body !== null) {
      const { notes } = body;
      this.#tiles.show(body.tiles);
      this.#timeline.show(body.timeline);
      this.#lifetimes.show({ lifetimes: body.lifetimes, notes });
      this.#components.show({ components: body.components, notes });
      this.#alerts.show({ alerts: body.alerts, notes });
    }
    if (dashboard.spoken !== this.#spoken) {
      this.#spoken = dashboard.spoken;
      this.#parts.announcements.textContent = dashboard.spoken;
    }
    this.#parts.remember({ host: dashboard.selected });
  }
}
