/** Samples: what checks and tasks have measured over time, one series for each source, code, subject and unit. */
import type { Finding, SampleSeries } from '../protocol/nouns.ts';
import type { Database } from './database.ts';

/** Keeps the value of each finding that has one; of two for the same thing at the same instant the later stays. */
export function addSamples(database: Database, source: string, at: number, findings: readonly Finding[]): void {
  for (const { code, subject, unit, value } of findings) {
    if (value === undefined || !Number.isFinite(value)) continue;
    database.change(
      'INSERT INTO samples (series, at, value) VALUES (?, ?, ?) ON CONFLICT (series, at) DO UPDATE SET value = excluded.value',
      ...[seriesOf(database, source, code, subject, unit ?? ''), at, value],
    );
  }
}

export interface SampleQuery {
  readonly source?: string | undefined;
  readonly code?: string | undefined;
  readonly subject?: string | undefined;
  /** Milliseconds since the epoch; `from` is included, `to` is not. */
  readonly from: number;
  readonly to: number;
  /** Equal stretches of time into which the values are summed up. */
  readonly points: number;
  /** Series at most. */
  readonly limit: number;
}

/** Each series that fits, with one point for each stretch of time in which there is a sample; ordered by source, code and subject. */
export function readSamples(database: Database, query: SampleQuery): readonly SampleSeries[] {
  const { source = null, code = null, subject = null, from, to, points, limit } = query;
  const width = Math.max(1, Math.ceil((to - from) / points));
  const series = database.all(
    `SELECT id, source, code, subject, unit FROM series
     WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR code = ?2) AND (?3 IS NULL OR subject = ?3)
       AND EXISTS (SELECT 1 FROM samples WHERE series = series.id AND at >= ?4 AND at < ?5)
     ORDER BY source, code, subject, unit LIMIT ?6`,
    ...[source, code, subject, from, to, limit],
  );
  return series.map((row) => ({
    source: String(row['source']),
    code: String(row['code']),
    subject: String(row['subject']),
    unit: row['unit'] === '' ? null : String(row['unit']),
    points: database
      .all(
        `SELECT min(at) AS at, count(*) AS count, min(value) AS least, avg(value) AS mean, max(value) AS most
         FROM samples WHERE series = ?1 AND at >= ?2 AND at < ?3 GROUP BY CAST((at - ?2) / ?4 AS INTEGER) ORDER BY at`,
        ...[Number(row['id']), from, to, width],
      )
      .map((point) => ({
        at: new Date(Number(point['at'])).toISOString(),
        count: Number(point['count']),
        min: Number(point['least']),
        mean: Number(point['mean']),
        max: Number(point['most']),
      })),
  }));
}

export function countSamples(database: Database): number {
  return Number(database.get('SELECT count(*) AS count FROM samples')?.['count'] ?? 0);
}

/** Deletes the `excess` oldest samples and those older than `before`, but at most `limit`; how many went. */
export function deleteSamples(
  database: Database,
  { before, excess, limit }: { readonly before: number; readonly excess: number; readonly limit: number },
): number {
  const old = database.get('SELECT count(*) AS count FROM (SELECT 1 FROM samples WHERE at < ? LIMIT ?)', before, limit);
  const due = Math.min(limit, Math.max(excess, Number(old?.['count'] ?? 0)));
  if (due === 0) return 0;
  return database.change(
    'DELETE FROM samples WHERE (series, at) IN (SELECT series, at FROM samples ORDER BY at LIMIT ?)',
    due,
  ).changes;
}

/** Forgets the names of series without samples. */
export function deleteEmptySeries(database: Database): void {
  database.change('DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM samples WHERE series = series.id)');
}

function seriesOf(database: Database, source: string, code: string, subject: string, unit: string): number {
  const names = [source, code, subject, unit];
  const found = database.get(
    'SELECT id FROM series WHERE source = ? AND code = ? AND subject = ? AND unit = ?',
    ...names,
  )?.['id'];
  if (typeof found === 'number') return found;
  return database.change('INSERT INTO series (source, code, subject, unit) VALUES (?, ?, ?, ?)', ...names).rowId;
}
