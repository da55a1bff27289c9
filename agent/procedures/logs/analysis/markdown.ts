/** The report of analyze-logs as Markdown. */
import { formatBytes } from '../../../config/units.ts';
import { levels } from './levels.ts';
import type { Log, LogRequests, Part, Ranking, Spread, Statements } from './part.ts';
import { relativeError } from './quantiles.ts';
import { cell, number, shown, table, took } from './text.ts';

export function markdownReport(part: Part, now: Date): string {
  const title = part.report === 'error' ? 'Errors in logs' : 'Performance by logs';
  const span = part.since === null ? '' : `, since ${part.since}`;
  const lines = [`# ${title}`, '', `Made ${now.toISOString()}${span}.`, ''];
  if (part.files.length > 1) lines.push(...overview(part.files), '');
  for (const log of part.files) lines.push(...logSection(log, part.report), '');
  return `${lines.join('\n').trimEnd()}\n`;
}

function overview(files: readonly Log[]): readonly string[] {
  const rows = files.map(({ source, format, records, levels: count, groups }) => [
    cell(source),
    format,
    records,
    count.fatal,
    count.error,
    count.warning,
    groups.filter(({ isNew }) => isNew === true).length,
  ]);
  return table(['log', 'format', 'records', 'fatal', 'errors', 'warnings', 'new groups'], rows);
}

function logSection(log: Log, report: Part['report']): readonly string[] {
  const formats = Object.entries(log.formats).map(([name, count]) => `${name} ${number(count)}`);
  const lines = [
    `## ${cell(log.source)}`,
    '',
    `- ${number(log.lines)} lines, ${number(log.records)} records, ${formatBytes(log.bytes)}; ${formats.join(', ') || 'nothing in it'}`,
    `- from ${log.firstSeen ?? 'unknown'} to ${log.lastSeen ?? 'unknown'}`,
    `- ${levels.map((level) => `${level} ${number(log.levels[level])}`).join(', ')}`,
  ];
  if (log.read.length > 1) lines.push(`- read: ${log.read.map((path) => cell(path)).join(', ')}`);
  if (log.skipped > 0) lines.push(`- ${number(log.skipped)} older records were left out`);
  if (log.ignoredMessages > 0) lines.push(`- ${number(log.ignoredMessages)} messages are expected and in no group`);
  const rubbish = rubbishOf(log);
  if (rubbish !== null) lines.push(`- ${rubbish}`);
  if (report === 'performance') {
    if (log.requests !== undefined) lines.push('', ...requestsSection(log.requests));
    if (log.statements !== undefined) lines.push('', ...statementsSection(log.statements));
  }
  if (log.groups.length > 0) lines.push('', ...groupsSection(log));
  return lines;
}

/** null when every line was text of a sensible length. */
export function rubbishOf({ longLines, binaryLines, invalidLines }: Log): string | null {
  const parts = [
    [longLines, 'longer than 1 MiB, of which the first 64 KiB were read'],
    [binaryLines, 'with NUL bytes'],
    [invalidLines, 'not valid UTF-8'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, what]) => `${number(count)} ${what}`);
  return said.length === 0 ? null : `lines: ${said.join(', ')}`;
}

const noNews =
  'what is new since yesterday is not known, for neither this log nor an earlier run reaches back that far; --since 3d reads the rotated logs before it too.';

function groupsSection(log: Log): readonly string[] {
  const rows = log.groups.map(({ template, level, count, firstSeen, lastSeen, isNew }) => [
    count,
    level,
    cell(template),
    firstSeen ?? '–',
    lastSeen ?? '–',
    isNew === true ? '**new**' : isNew === null ? '?' : '',
  ]);
  const more =
    log.otherMessages > 0 ? ['', `${number(log.otherMessages)} more messages in groups that are not listed.`] : [];
  const columns = ['count', 'level', 'message', 'first', 'last', 'since yesterday'];
  const unknown = log.groups.some(({ isNew }) => isNew === null) ? ['', `?: ${noNews}`] : [];
  return ['### Groups', '', ...table(columns, rows), ...unknown, ...more];
}

function requestsSection(requests: LogRequests): readonly string[] {
  const { count, bytes, statuses, errorRate, seconds, throughput, routes, slowest } = requests;
  const lines = [
    '### Requests',
    '',
    `- ${number(count)} requests, ${formatBytes(bytes ?? 0)}, ${number(errorRate)} % of them failed (5xx)`,
    `- statuses: ${Object.entries(statuses)
      .map(([status, times]) => `${status} ${number(times)}`)
      .join(', ')}`,
  ];
  lines.push(...throughputLines(throughput));
  if (seconds === null) lines.push('- the log does not tell how long requests took ($request_time, %D)');
  else lines.push(`- ${spread(seconds, took)}; percentiles are within ${relativeError * 100} %`);
  const unit = unitOf(requests);
  if (unit !== null) lines.push(`- ${unit}`);
  const rows = routes.map((route) => [
    cell(route.route),
    route.count,
    route.errors,
    formatBytes(route.bytes),
    ...spreadCells(route.seconds),
  ]);
  if (rows.length > 0)
    lines.push('', ...table(['route', 'requests', '5xx', 'bytes', 'p50', 'p95', 'p99', 'longest'], rows));
  if (slowest.length > 0) {
    const slow = slowest.map(({ request, seconds: long, at }) => [took(long), cell(request), at ?? '–']);
    lines.push('', '### Slowest requests', '', ...table(['took', 'request', 'at'], slow));
  }
  lines.push(...rankingSection('Paths', requests.paths), ...rankingSection('Clients', requests.clients));
  return [...lines, ...rankingSection('Agents', requests.agents)];
}

function throughputLines(throughput: LogRequests['throughput']): readonly string[] {
  if (throughput === null) return [];
  const slot = throughput.slotMinutes === 1 ? '' : ` (mean of ${throughput.slotMinutes} minutes)`;
  const { meanPerMinute, peakPerMinute, peakAt } = throughput;
  return [`- ${number(meanPerMinute)} a minute, at most ${number(peakPerMinute)}${slot} at ${peakAt}`];
}

/** Says which unit was taken for durations that are whole numbers; null when there is nothing to say. */
export function unitOf({ wholeDurations: whole }: LogRequests): string | null {
  if (whole === null) return null;
  const guess = whole.guessed
    ? `was taken for ${whole.unit}, by its size; set logs.analyze.request_time if that is wrong`
    : `is in ${whole.unit}, as logs.analyze.request_time says`;
  return `the duration of ${number(whole.count)} requests is a whole number, which ${guess}`;
}

function spread(values: NonNullable<Spread>, text: (value: number) => string): string {
  return `mean ${text(values.mean)}, p50 ${text(values.p50)}, p95 ${text(values.p95)}, p99 ${text(values.p99)}, longest ${text(values.max)}`;
}

function spreadCells(values: Spread): readonly string[] {
  return values === null
    ? ['–', '–', '–', '–']
    : [values.p50, values.p95, values.p99, values.max].map((value) => took(value));
}

function rankingSection(title: string, ranking: Ranking): readonly string[] {
  if (ranking.top.length === 0) return [];
  const about = ranking.exact
    ? `${number(ranking.distinct)} different ones.`
    : `More different ones than room: each count may be too low by ${number(ranking.missed)}.`;
  const rows = ranking.top.map(({ name, count, bytes }) => [count, cell(name), bytes ? formatBytes(bytes) : '–']);
  return ['', `### ${title}`, '', about, '', ...table(['requests', 'which', 'bytes'], rows)];
}

function statementsSection(statements: Statements): readonly string[] {
  const milliseconds = (value: number): string => took(value / 1000);
  const { temporaryFiles, temporaryBytes, checkpoints, checkpointsTimed, checkpointSeconds, sessionSeconds } =
    statements;
  const lines = [
    '### Statements',
    '',
    `- ${number(statements.count)} with a duration, ${number(statements.distinct)} different ones${statements.plans === 0 ? '' : `; ${number(statements.plans)} plans by auto_explain`}${statements.milliseconds === null ? '' : `; ${spread(statements.milliseconds, milliseconds)}; percentiles are within ${relativeError * 100} %`}`,
    ...throughputLines(statements.throughput),
    `- connections ${number(statements.connections)}, ended ${number(statements.disconnections)}${sessionSeconds === null ? '' : `, sessions ${spread(sessionSeconds, took)}`}`,
    `- waits for locks ${number(statements.lockWaits)}, deadlocks ${number(statements.deadlocks)}, temporary files ${number(temporaryFiles)} (${formatBytes(temporaryBytes)})`,
    `- checkpoints ${number(checkpoints)}, ${number(checkpointsTimed)} started by time${checkpointSeconds === null ? '' : `, ${spread(checkpointSeconds, took)}`}; automatic vacuums ${number(statements.autovacuums)}`,
  ];
  if (statements.missed > 0)
    lines.push(`- more different statements than room: each count may be too low by ${number(statements.missed)}`);
  const rows = statements.top.map(({ statement, count, total, mean, p95, max }) => [
    cell(shown(statement, 200)),
    count,
    ...[total, mean, p95, max].map(milliseconds),
  ]);
  return [...lines, '', ...table(['statement', 'count', 'total', 'mean', 'p95', 'longest'], rows)];
}
