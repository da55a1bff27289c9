/** The Markdown report of `performance-analysis`. What comes from databases is text in it, never markup. */
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from '../../makeFolders.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { bytesText } from './bytesText.ts';
import type { IndexAdvice } from './indexAdvice.ts';
import { printable } from './names.ts';
import type { Recommendation } from './recommendations.ts';
import type { SlowStatement } from './slowQueries.ts';

export interface AnalysisReport {
  readonly analysedAt: string;
  readonly databases: readonly { readonly name: string; readonly version: string | null }[];
  readonly findings: readonly Finding[];
  readonly relations: readonly {
    readonly database: string;
    readonly schema: string;
    readonly name: string;
    readonly kind: string;
    readonly bytes: number;
    readonly expectedBytes: number | null;
    readonly bloatRatio: number | null;
  }[];
  readonly statements: readonly SlowStatement[];
  readonly indexes: readonly IndexAdvice[];
  readonly recommendations: readonly Recommendation[];
}

/** Readable to its owner alone: it tells much about the application. */
export async function writeReport(file: string, report: AnalysisReport): Promise<void> {
  await makeFolders(dirname(file), 0o700);
  await writeFile(file, markdown(report), { mode: 0o600 });
}

function markdown(report: AnalysisReport): string {
  const { analysedAt, databases, findings, relations, statements, indexes, recommendations } = report;
  const bloated = relations.filter(({ bloatRatio }) => (bloatRatio ?? 0) >= 1.5).slice(0, 20);
  const told = findings.filter(({ level }) => level !== 'ok');
  return [
    '# Performance analysis',
    '',
    `${analysedAt}: ${databases.map(({ name, version }) => `${text(name)} (${version === null ? 'not reached' : `PostgreSQL ${text(version)}`})`).join(', ')}`,
    ...section(
      'Findings',
      ['level', 'about', 'what'],
      told.map(({ level, subject, message }) => [level, text(subject), text(message)]),
    ),
    ...section(
      'Slow statements',
      ['database', 'load', 'calls', 'mean', 'p95 (mean + 1.645 σ)', 'max', 'statement'],
      statements.map((one) => [
        text(one.database),
        `${one.loadPercent.toFixed(1)} %`,
        String(one.calls),
        ...[one.meanMs, one.p95Ms, one.maxMs].map((value) => `${value.toFixed(1)} ms`),
        text(one.statement.slice(0, 300)),
      ]),
    ),
    ...statements.flatMap(({ statement, plan }) =>
      plan === null
        ? []
        : ['', `Plan of ${text(statement.slice(0, 100))}:`, '', ...plan.map((line) => `    ${printable(line)}`)],
    ),
    ...section(
      'Bloat',
      ['database', 'relation', 'kind', 'size', 'expected', 'times'],
      bloated.map((one) => [
        text(one.database),
        text(`${one.schema}.${one.name}`),
        one.kind,
        bytesText(one.bytes),
        bytesText(one.expectedBytes ?? 0),
        String(one.bloatRatio ?? '?'),
      ]),
    ),
    ...section(
      'Indexes',
      ['database', 'index or key', 'table', 'problem', 'size', 'statement'],
      indexes.map((one) => [
        ...[one.database, one.relation, one.table].map(text),
        one.problem,
        bytesText(one.bytes),
        text(one.statement ?? ''),
      ]),
    ),
    ...section(
      'Recommendations',
      ['id', 'why', 'apply', 'undo', 'restart'],
      recommendations.map(({ id, reason, sql, undo, restart }) => [
        ...[id, reason, sql, undo].map(text),
        restart ? 'yes' : 'no',
      ]),
    ),
    ...(recommendations.length === 0 ? [] : ['', 'Apply one with `upkeep apply-optimizations --only ID`.']),
    '',
  ].join('\n');
}

function section(title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return ['', `## ${title}`, '', line(heads), line(heads.map(() => '---')), ...rows.map(line)];
}

/** CommonMark: a backslash takes the meaning from any punctuation character. */
function text(given: string): string {
  return printable(given).replace(/[\\`*_{}[\]<>#|!~&]/g, (character) => `\\${character}`);
}
