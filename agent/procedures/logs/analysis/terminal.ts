/** What a person sees of a log in the output of a run; the whole is in the report file. */
import { formatBytes } from '../../../config/units.ts';
import { counted } from '../../counted.ts';
import { unitOf } from './markdown.ts';
import type { Log, LogRequests, Part, Spread, Statements } from './part.ts';
import { number, shown, took } from './text.ts';

const most = 10;

export function terminalLines(log: Log, report: Part['report']): readonly string[] {
  const lines: string[] = [];
  if (report === 'performance') {
    if (log.requests !== undefined) lines.push(...requestLines(log.requests));
    if (log.statements !== undefined) lines.push(...statementLines(log.statements));
  }
  for (const { level, count, template, isNew } of log.groups.slice(0, most)) {
    lines.push(`  ${number(count).padStart(9)} ${level.padEnd(7)} ${isNew === true ? 'NEW ' : ''}${shown(template)}`);
  }
  return lines;
}

function requestLines(requests: LogRequests): readonly string[] {
  const { count, bytes, errorRate, seconds, throughput, routes, slowest } = requests;
  const unit = unitOf(requests);
  return [
    `  ${counted(count, 'request', number)}, ${formatBytes(bytes ?? 0)}, ${number(errorRate)} % failed (5xx)${rate(throughput)}`,
    ...(seconds === null ? [] : [`  took ${spread(seconds, 1)}`]),
    ...(unit === null ? [] : [`  ${unit}`]),
    ...columns(
      ['requests', '5xx', 'p50', 'p95', 'p99', 'longest', 'route'],
      routes
        .slice(0, most)
        .map(({ route, count, errors, seconds }) => [
          number(count),
          number(errors),
          ...(seconds === null
            ? ['–', '–', '–', '–']
            : [seconds.p50, seconds.p95, seconds.p99, seconds.max].map((value) => took(value))),
          shown(route, 100),
        ]),
    ),
    ...columns(
      ['took', 'at', 'slowest'],
      slowest
        .filter(({ seconds }) => seconds > 0)
        .slice(0, 5)
        .map(({ request, seconds, at }) => [took(seconds), at ?? '–', shown(request, 100)]),
    ),
  ];
}

function statementLines(statements: Statements): readonly string[] {
  const { count, milliseconds, throughput, top, lockWaits, deadlocks, temporaryFiles, temporaryBytes } = statements;
  const waits = `${counted(lockWaits, 'wait', number)} for locks, ${counted(deadlocks, 'deadlock', number)}`;
  const files = `${counted(temporaryFiles, 'temporary file', number)} (${formatBytes(temporaryBytes)})`;
  return [
    `  ${counted(count, 'statement', number)} with a duration${rate(throughput)}; ${waits}, ${files}`,
    ...(milliseconds === null ? [] : [`  took ${spread(milliseconds, 1e-3)}`]),
    ...columns(
      ['count', 'total', 'mean', 'p95', 'longest', 'statement'],
      top
        .slice(0, most)
        .map(({ statement, count, total, mean, p95, max }) => [
          number(count),
          ...[total, mean, p95, max].map((value) => took(value / 1000)),
          shown(statement, 100),
        ]),
    ),
  ];
}

function rate(throughput: LogRequests['throughput']): string {
  if (throughput === null) return '';
  const { meanPerMinute, peakPerMinute, peakAt } = throughput;
  return `; ${number(meanPerMinute)} a minute, at most ${number(peakPerMinute)} at ${peakAt}`;
}

/** `seconds`: what one of its units is in seconds. */
function spread({ p50, p95, p99, max }: NonNullable<Spread>, seconds: number): string {
  const [half, most, nearly, longest] = [p50, p95, p99, max].map((value) => took(value * seconds));
  return `p50 ${half}, p95 ${most}, p99 ${nearly}, longest ${longest}`;
}

/** To the right, but for the last one; nothing for no rows. */
function columns(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const all = [head, ...rows];
  const widths = head.map((_, index) => Math.max(...all.map((row) => row[index]?.length ?? 0)));
  return all.map(
    (row) =>
      `  ${row.map((cell, index) => (index === head.length - 1 ? cell : cell.padStart(widths[index] ?? 0))).join('  ')}`,
  );
}
