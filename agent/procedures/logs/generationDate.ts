/** The date in the name of a rotated generation: `app.log-20240115.gz`, `app.log.2024-01-15`, `app-202401.log`. */

const dated = /(?<![0-9])((?:19|20)\d{2})[-._]?(0[1-9]|1[0-2])(?:[-._]?(0[1-9]|[12]\d|3[01]))?/g;

/**
 * The end of the day that the name says, of the month where it says no day, in UTC; of several the last. Null when it says none. Which
 * zone a name means is not known, nor whether the rotation was on that day or the day after (logrotate(8), dateyesterday).
 */
export function dateInName(name: string): Date | null {
  const ends = [...name.matchAll(dated)].flatMap(([, year, month, day]) => {
    const [y, m] = [Number(year), Number(month) - 1];
    if (day === undefined) return [Date.UTC(y, m + 1, 1)];
    const begin = new Date(Date.UTC(y, m, Number(day)));
    return begin.getUTCMonth() === m ? [begin.getTime() + 86_400_000] : [];
  });
  return ends.length === 0 ? null : new Date(Math.max(...ends));
}
