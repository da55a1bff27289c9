/** Certificates as lifetimes: how much is over, when renewal is due, how many days are left. */
import type { Body, Lifetime } from './dashboardSchema.ts';
import { element, percent, styled, type Child } from './element.ts';
import { icon } from './icons.ts';
import { heading, list, note } from './parts.ts';

export function drawLifetimes({ lifetimes, notes }: Pick<Body, 'lifetimes' | 'notes'>): Child[] {
  const urgent = lifetimes.filter((one) => one.tone === 'warning' || one.tone === 'bad').length;
  return [
    heading('Certificates', urgent),
    lifetimes.length === 0 ? null : list('rows', lifetimes.map(lifetimeItem)),
    note(notes.lifetimes),
  ];
}

function lifetimeItem(lifetime: Lifetime): HTMLElement {
  return element(
    'li',
    { class: `row lifetime tone-${lifetime.tone}`, title: lifetime.details.join('\n') },
    icon(lifetime.mark, lifetime.tone),
    element('p', { class: 'row-title' }, element('span', {}, lifetime.name), ...lifetime.reasons.map(reasonTag)),
    element('span', { class: 'days' }, lifetime.text),
    lifetime.source === lifetime.name ? null : element('p', { class: 'row-detail source' }, lifetime.source),
    lifetime.span === null ? null : spanBar(lifetime.span),
  );
}

function reasonTag(reason: string): HTMLElement {
  return element('vscode-tag', {}, reason);
}

/** Decoration: the text beside it says the same. */
function spanBar(span: NonNullable<Lifetime['span']>): HTMLElement {
  return element(
    'div',
    { class: 'span' },
    element('span', {}, span.from),
    element(
      'div',
      { class: `span-track${span.elapsed < 1 ? '' : ' over'}`, 'aria-hidden': 'true' },
      styled(element('div', { class: 'span-warn' }), { left: percent(Math.max(span.warnAt, span.elapsed)) }),
      styled(element('div', { class: 'span-left' }), { left: percent(span.elapsed) }),
      styled(element('div', { class: 'span-now' }), { left: percent(span.elapsed) }),
    ),
    element('span', {}, span.to),
  );
}
