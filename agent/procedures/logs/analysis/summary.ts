/** From what was counted to what is reported. */
import type { AccessReport } from './accessReport.ts';
import type { ByteCounter } from './byteCounter.ts';
import { levelOfStatus } from './levels.ts';
import type { Level } from './levels.ts';
import { addLevels, type LogAnalysis } from './logAnalysis.ts';
import type { Log, LogGroup, LogRequests, Ranking, Spread, Statements } from './part.ts';
import type { PostgresReport } from './postgresReport.ts';
import type { Quantiles } from './quantiles.ts';
import { routeOf } from './route.ts';
import { templateOf } from './templates.ts';

/** A group with what memory needs to know of it. */
export interface SummedGroup extends Omit<LogGroup, 'firstSeen' | 'lastSeen' | 'isNew'> {
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly known: number;
  readonly knownAs: string | null;
}

/** All groups of a log that were seen, gravest and most frequent first. */
export function groupsOf(analysis: LogAnalysis): readonly SummedGroup[] {
  const groups: SummedGroup[] = analysis.templates.groups
    .filter(({ count }) => count > 0)
    .map((group) => ({ ...group, template: templateOf(group) }));
  const order: readonly Level[] = ['fatal', 'error', 'warning'];
  return [...groups, ...failuresOf(analysis.access)].sort(
    (one, other) => order.indexOf(one.level) - order.indexOf(other.level) || other.count - one.count,
  );
}

/** Requests that failed, by status and route. */
function failuresOf({ failures }: AccessReport): readonly SummedGroup[] {
  const byTemplate = new Map<string, SummedGroup>();
  for (let index = 0; index < failures.size; index += 1) {
    const status = failures.salt(index);
    const template = `${status} ${routeOf(failures.text(index))}`;
    const before = byTemplate.get(template);
    const [first, last] = [failures.first[index] ?? Number.NaN, failures.last[index] ?? Number.NaN];
    byTemplate.set(template, {
      template,
      level: levelOfStatus(status),
      count: (before?.count ?? 0) + (failures.counts[index] ?? 0),
      firstSeen: smaller(before?.firstSeen, first),
      lastSeen: larger(before?.lastSeen, last),
      known: Number.NaN,
      knownAs: null,
    });
  }
  return [...byTemplate.values()];
}

/** NaN stands for a time that is not known. */
function smaller(one: number | undefined, other: number): number {
  return one === undefined || Number.isNaN(one) || other < one ? other : one;
}

function larger(one: number | undefined, other: number): number {
  return one === undefined || Number.isNaN(one) || other > one ? other : one;
}

/** Records by format, most first. */
function formatsOf({ formats, access, postgres, postgresCsv, postgresJson }: LogAnalysis): ReadonlyMap<string, number> {
  const counts = new Map(formats);
  counts.set('combined', access.combined);
  counts.set('common', access.records - access.combined);
  counts.set('postgresql', postgres.records - postgresCsv - postgresJson);
  counts.set('postgresql-csv', postgresCsv);
  counts.set('postgresql-json', postgresJson);
  return new Map([...counts].filter(([, count]) => count > 0).sort((one, other) => other[1] - one[1]));
}

function levelsOf(analysis: LogAnalysis): Record<Level, number> {
  const sum = { ...analysis.levels };
  addLevels(sum, analysis.access.levels());
  addLevels(sum, analysis.postgres.levels);
  return sum;
}

export function summarize(
  analysis: LogAnalysis,
  given: Pick<Log, 'source' | 'read' | 'bytes' | 'groups'> & { readonly performance: boolean; readonly top: number },
): Log {
  const { access, postgres, templates } = analysis;
  const formats = formatsOf(analysis);
  const { source, read, bytes, groups, performance, top } = given;
  const firstTimes = [analysis.firstTime, access.firstTime, postgres.firstTime].filter((time) => !Number.isNaN(time));
  const lastTimes = [analysis.lastTime, access.lastTime, postgres.lastTime].filter((time) => !Number.isNaN(time));
  const hasRequests = access.records > 0 || analysis.requestStatuses.some((count) => count > 0);
  return {
    source,
    read,
    format: formats.keys().next().value ?? 'empty',
    formats: Object.fromEntries(formats),
    bytes,
    lines: analysis.lines,
    records: [...formats.values()].reduce((sum, count) => sum + count, 0),
    skipped: analysis.skipped + access.skipped + postgres.skipped,
    longLines: analysis.longLines,
    binaryLines: analysis.binaryLines,
    invalidLines: analysis.invalidLines,
    firstSeen: firstTimes.length > 0 ? isoOf(Math.min(...firstTimes)) : null,
    lastSeen: lastTimes.length > 0 ? isoOf(Math.max(...lastTimes)) : null,
    levels: levelsOf(analysis),
    groups,
    otherMessages: templates.other,
    ignoredMessages: templates.ignored,
    ...(hasRequests ? { requests: requestsOf(analysis, performance, top) } : {}),
    ...(performance && postgres.records > 0 ? { statements: statementsOf(postgres, top) } : {}),
  };
}

function requestsOf({ access, requestStatuses }: LogAnalysis, performance: boolean, top: number): LogRequests {
  const statuses = new Map<string, number>();
  let [count, errors] = [0, 0];
  for (let status = 0; status < access.statuses.length; status += 1) {
    const here = (access.statuses[status] ?? 0) + (requestStatuses[status] ?? 0);
    if (here === 0) continue;
    statuses.set(String(status), here);
    count += here;
    if (status >= 500) errors += here;
  }
  const { requests } = access;
  const whole = access.wholeDurations.judge(requests.durations);
  const factor = whole?.factor ?? 1;
  const routes = requests.routes.toSorted((one, other) => other.count - one.count).slice(0, top);
  return {
    count,
    bytes: performance ? access.bytes : null,
    statuses: Object.fromEntries(statuses),
    errorRate: rounded((errors / Math.max(1, count)) * 100),
    seconds: spreadOf(requests.durations, factor),
    wholeDurations:
      whole === null ? null : { count: access.wholeDurations.count, unit: whole.unit, guessed: whole.guessed },
    throughput: access.perMinute.summary(),
    routes: routes.map(({ name, durations, ...route }) => ({
      route: name,
      count: route.count,
      errors: route.errors,
      bytes: route.bytes,
      seconds: spreadOf(durations, factor),
    })),
    slowest: requests
      .slowest()
      .map(({ request, seconds, at }) => ({ request, seconds: rounded(seconds * factor), at: isoOf(at) })),
    paths: rankingOf(access.paths, top),
    clients: rankingOf(access.clients, top),
    agents: rankingOf(access.agents, top),
  };
}

function rankingOf(counter: ByteCounter | null, top: number): Ranking {
  if (counter === null) return { distinct: 0, exact: true, missed: 0, top: [] };
  return {
    distinct: counter.size,
    exact: counter.missed === 0,
    missed: counter.missed,
    top: counter.top(top).map((index) => ({
      name: counter.text(index),
      count: counter.counts[index] ?? 0,
      bytes: counter.sums[index] ?? 0,
    })),
  };
}

function statementsOf(postgres: PostgresReport, top: number): Statements {
  const { counts, plans } = postgres;
  const { statements, durations, all, perMinute } = postgres.statements.all.count > 0 ? postgres.statements : plans;
  return {
    count: all.count,
    plans: plans.all.count,
    milliseconds: spreadOf(all),
    throughput: perMinute.summary(),
    top: statements.top(top, statements.sums).map((index) => {
      const spread = durations[statements.tags[index] ?? -1];
      const [count, total] = [statements.counts[index] ?? 0, statements.sums[index] ?? 0];
      return {
        statement: statements.text(index),
        count,
        total: rounded(total),
        mean: rounded(total / count),
        p95: rounded(spread?.at(0.95) ?? 0),
        max: rounded(statements.first[index] ?? 0),
      };
    }),
    distinct: statements.size,
    missed: statements.missed,
    ...counts,
    sessionSeconds: spreadOf(postgres.sessionSeconds),
    checkpointSeconds: spreadOf(postgres.checkpointSeconds),
  };
}

function spreadOf(values: Quantiles, factor = 1): Spread {
  if (values.count === 0) return null;
  const at = (share: number): number => rounded((values.at(share) ?? 0) * factor);
  const [mean, max] = [rounded((values.mean() ?? 0) * factor), rounded(values.max * factor)];
  return { mean, p50: at(0.5), p95: at(0.95), p99: at(0.99), max };
}

/** Six digits that count are more than any of it is worth. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** null for NaN and for what is no time of any calendar. */
export function isoOf(time: number): string | null {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : null;
}
