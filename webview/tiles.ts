/** The headlines. */
import type { Tile } from './dashboardSchema.ts';
import { element, percent, styled, type Child } from './element.ts';
import { icon } from './icons.ts';
import { actionButtons, type RunCommand } from './parts.ts';

export function drawTiles(tiles: readonly Tile[], run: RunCommand): Child[] {
  return tiles.map((tile) =>
    element(
      'article',
      { class: `card tile tone-${tile.tone}`, 'data-tile': tile.id },
      element('h2', {}, tile.title),
      element(
        'p',
        { class: 'tile-value' },
        icon(tile.mark, tile.tone),
        element('span', { title: tile.value }, tile.value),
      ),
      element('p', { class: 'tile-detail' }, tile.detail),
      tile.share === null ? null : shareBar(tile.share, tile.title),
      actionButtons(tile.actions, `tile/${tile.id}`, run),
    ),
  );
}

function shareBar(share: number, title: string): HTMLElement {
  const value = String(Math.round(share * 100));
  return element(
    'div',
    {
      class: 'share',
      role: 'progressbar',
      'aria-label': `${title}: time that is over`,
      'aria-valuemin': '0',
      'aria-valuemax': '100',
      'aria-valuenow': value,
    },
    styled(element('div', { class: 'share-fill' }), { width: percent(share) }),
  );
}
