/** Certificates as lifetimes: how much is over, when the warning begins and when it is critical, how many days are left. */
import type { Body, Lifetime } from './dashboardSchema.ts';
import { element, percent, styled, type Child } from './element.ts';
import { icon } from './icons.ts';
import { heading, list, note, spoken, type RunCommand } from './parts.ts';

export function drawLifetimes({ lifetimes, notes }: Pick<Body, 'lifetimes' | 'notes'>, run: RunCommand): Child[] {
  const urgent = lifetimes.filter((one) => one.tone === 'warning' || one.tone === 'bad').length;
  return [
    heading('Certificates', urgent),
    lifetimes.length === 0
      ? null
      : list(
          'rows',
          lifetimes.map((lifetime) => lifetimeItem(lifetime, run)),
        ),
    lifetimes.some(({ span }) => span !== null) ? legend() : null,
    note(notes.lifetimes),
  ];
}

function lifetimeItem(lifetime: Lifetime, run: RunCommand): HTMLElement {
  return element(
    'li',
    { class: `row lifetime tone-${lifetime.tone}`, title: lifetime.details.join('\n') },
    icon(lifetime.mark, lifetime.tone),
    element('p', { class: 'row-title' }, nameLink(lifetime, run), ...lifetime.reasons.map(reasonTag)),
    element('span', { class: 'days' }, lifetime.text),
    lifetime.source === lifetime.name ? null : element('p', { class: 'row-detail source' }, lifetime.source),
    lifetime.span === null ? null : spanBar(lifetime.span),
    spoken([lifetime.spoken, ...lifetime.details].join('. ')),
  );
}

/** Leads to the certificate in its view, with what can be done about it. */
function nameLink({ id, name, command }: Lifetime, run: RunCommand): HTMLElement {
  const attributes = {
    type: 'button',
    class: 'link',
    title: `Show ${name} in Certificates`,
    'data-key': `lifetime/${id}`,
  };
  const link = element('button', attributes, name);
  link.addEventListener('click', () => {
    run(command);
  });
  return link;
}

function reasonTag(reason: string): HTMLElement {
  return element('vscode-tag', {}, reason);
}

/** Decoration: the text of the row says the same. */
function spanBar(span: NonNullable<Lifetime['span']>): HTMLElement {
  return element(
    'div',
    { class: 'span' },
    element('span', {}, span.from),
    element(
      'div',
      { class: `span-track${span.elapsed < 1 ? '' : ' over'}`, 'aria-hidden': 'true' },
      styled(element('div', { class: 'span-over' }), { width: percent(span.elapsed) }),
      styled(element('div', { class: 'span-warn' }), {
        left: percent(span.warnAt),
        width: percent(Math.max(0, span.criticalAt - span.warnAt)),
      }),
      styled(element('div', { class: 'span-critical' }), { left: percent(span.criticalAt) }),
      styled(element('div', { class: 'span-now' }), { left: percent(span.elapsed) }),
    ),
    element('span', {}, span.to),
  );
}

function legend(): HTMLElement {
  const entry = (kind: string, text: string): HTMLElement =>
    element('span', {}, element('span', { class: `span-key ${kind}` }), text);
  return element(
    'p',
    { class: 'span-legend', 'aria-hidden': 'true' },
    entry('span-key-now', 'now'),
    entry('span-key-warn', 'warning'),
    entry('span-key-critical', 'critical'),
  );
}
