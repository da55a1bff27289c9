/** Where the arrow keys lead in the timeline: left and right in a row, up and down to the nearest run of the next row that has any. */

export interface Place {
  readonly row: number;
  readonly bar: number;
}

/** Bars of each row by their instants, in the order of time. */
export type Rows = readonly (readonly { readonly from: number }[])[];

/** The new place; null when the key means nothing here. */
export function nextPlace(rows: Rows, { row, bar }: Place, key: string): Place | null {
  const bars = rows[row] ?? [];
  switch (key) {
    case 'ArrowLeft':
      return { row, bar: Math.max(0, bar - 1) };
    case 'ArrowRight':
      return { row, bar: Math.min(bars.length - 1, bar + 1) };
    case 'Home':
      return { row, bar: 0 };
    case 'End':
      return { row, bar: bars.length - 1 };
    case 'ArrowUp':
      return nearest(rows, { row, bar }, -1);
    case 'ArrowDown':
      return nearest(rows, { row, bar }, 1);
    default:
      return null;
  }
}

/** The newest run of the first row that has any: where the focus begins. */
export function firstPlace(rows: Rows): Place | null {
  const row = rows.findIndex((bars) => bars.length > 0);
  return row === -1 ? null : { row, bar: (rows[row]?.length ?? 1) - 1 };
}

function nearest(rows: Rows, place: Place, step: -1 | 1): Place {
  const from = rows[place.row]?.[place.bar]?.from ?? 0;
  for (let row = place.row + step; row >= 0 && row < rows.length; row += step) {
    const bars = rows[row] ?? [];
    if (bars.length === 0) continue;
    const distances = bars.map((one) => Math.abs(one.from - from));
    return { row, bar: distances.indexOf(Math.min(...distances)) };
  }
  return place;
}
