/** What analyze-logs finds worth telling. */
import type { Finding } from '../../../protocol/nouns.ts';
import { counted } from '../../counted.ts';
import { rubbishOf, unitOf } from './markdown.ts';
import type { Log } from './part.ts';
import { number, shown } from './text.ts';

export interface Thresholds {
  /** Percent of requests with 5xx. */
  readonly error_rate: number;
  readonly new_groups: number;
}

export function findingsOf(log: Log, thresholds: Thresholds): readonly Finding[] {
  const findings = [...newGroups(log, thresholds.new_groups), ...errorRate(log, thresholds.error_rate)];
  const subject = log.source;
  const { fatal, error, warning } = log.levels;
  if (fatal > 0) {
    const top = log.groups.find(({ level }) => level === 'fatal');
    const message = `${counted(fatal, 'fatal message', number)}${top === undefined ? '' : `${fatal === 1 ? '' : ', most often'}: ${shown(top.template)}`}; see the report.`;
    findings.push({ level: 'warning', code: 'logs.fatal', subject, message, value: fatal, threshold: 0 });
  }
  const rubbish = rubbishOf(log);
  if (rubbish !== null) findings.push({ level: 'info', code: 'logs.rubbish', subject, message: `Some ${rubbish}.` });
  const unit = log.requests === undefined ? null : unitOf(log.requests);
  if (unit !== null && log.requests?.wholeDurations?.guessed === true)
    findings.push({
      level: 'info',
      code: 'logs.request-time',
      subject,
      message: `${unit.charAt(0).toUpperCase()}${unit.slice(1)}.`,
    });
  const counts = `${counted(error, 'error', number)} and ${counted(warning, 'warning', number)} in ${counted(log.records, 'record', number)} (${log.format}).`;
  findings.push({ level: error > 0 ? 'info' : 'ok', code: 'logs.levels', subject, message: counts, value: error });
  return findings;
}

function newGroups({ source, groups }: Log, threshold: number): Finding[] {
  const fresh = groups.filter(({ isNew, level }) => isNew === true && level !== 'warning');
  const top = fresh.toSorted((one, other) => other.count - one.count)[0];
  if (top === undefined) return [];
  const message = `${fresh.length === 1 ? '1 group of errors is' : `${fresh.length} groups of errors are`} new since yesterday, most often (${counted(top.count, 'time', number)}): ${shown(top.template)}`;
  const level = fresh.length >= threshold ? 'warning' : 'info';
  return [{ level, code: 'logs.new-errors', subject: source, message, value: fresh.length, threshold }];
}

function errorRate({ source, requests }: Log, threshold: number): Finding[] {
  if (requests === undefined || requests.count === 0) return [];
  const { errorRate: value, count } = requests;
  const message = `${number(value)} % of ${counted(count, 'request', number)} ended with 5xx.`;
  const level = value > 0 && value >= threshold ? 'warning' : 'ok';
  return [{ level, code: 'logs.error-rate', subject: source, message, value, threshold, unit: '%' }];
}
