/** Findings by component, with meters. */
import type { Body, Component, HealthFinding, Meter } from './dashboardSchema.ts';
import { element, percent, styled, type Child } from './element.ts';
import { icon } from './icons.ts';
import { heading, list, note, spoken } from './parts.ts';

export function drawComponents({ components, notes }: Pick<Body, 'components' | 'notes'>): Child[] {
  return [heading('Health', null), ...components.map(componentGroup), note(notes.components)];
}

function componentGroup(component: Component): HTMLElement {
  return element(
    'section',
    { class: 'component', 'aria-label': component.title },
    element(
      'h3',
      {},
      icon(component.mark, component.tone),
      component.title,
      element('span', { class: 'component-text' }, component.text),
    ),
    list('rows', component.findings.map(findingItem)),
    note(component.more),
  );
}

function findingItem(finding: HealthFinding): HTMLElement {
  const problem = finding.tone === 'warning' || finding.tone === 'bad';
  return element(
    'li',
    { class: `row finding${problem ? ' problem' : ''}` },
    icon(finding.mark, finding.tone),
    element(
      'p',
      { class: 'row-title' },
      spoken(`${finding.level}: `),
      element('span', {}, finding.title),
      element('span', { class: 'subject', title: finding.subject }, finding.subject),
    ),
    finding.meter === null
      ? element('span', { class: 'finding-word' }, finding.word)
      : meterBar(finding.meter, finding),
    problem || finding.meter === null ? element('p', { class: 'row-detail' }, finding.message) : null,
  );
}

function meterBar(meter: Meter, finding: HealthFinding): HTMLElement {
  return element(
    'div',
    { class: `meter tone-${finding.tone}`, title: meter.text },
    element('span', { class: 'meter-value' }, meter.valueText),
    element(
      'div',
      {
        class: 'meter-track',
        role: 'meter',
        'aria-label': `${finding.title} ${finding.subject}`,
        'aria-valuemin': '0',
        'aria-valuemax': '100',
        'aria-valuenow': String(Math.round(meter.value * 100)),
        'aria-valuetext': meter.text,
      },
      styled(element('div', { class: 'meter-fill' }), { width: percent(meter.value) }),
      styled(element('div', { class: 'meter-threshold' }), { left: percent(meter.threshold) }),
    ),
    element('span', { class: 'meter-limit', 'aria-hidden': 'true' }, `limit ${meter.thresholdText}`),
  );
}
