/** What a rotation tells people: findings by file, and the files of the JSON document. */
import type { Finding } from '../../protocol/nouns.ts';
import type { Account, Snapshot } from './account.ts';
import type { ToolRun } from '../tool.ts';
import type { LogReport, LogrotateReport } from './logrotateOutput.ts';
import type { RotateLogsPart } from './rotateLogsWork.ts';
import type { Rotation } from './rotation.ts';
import { adviceFor, leaders } from './writerAdvice.ts';
import type { KnownWriter } from './writerAdvice.ts';
import { describeWriters } from './writers.ts';

export type FileResult = RotateLogsPart['files'][number];

type Report = (finding: Finding) => void;

export interface FileFacts {
  readonly log: LogReport;
  readonly snapshot: Snapshot;
  /** Null in a dry run. */
  readonly account: Account | null;
  readonly lastRotation: Date | undefined;
}

export function reportFile(facts: FileFacts, finding: Report): FileResult {
  const { log, snapshot, account } = facts;
  for (const lost of account?.lost ?? []) {
    finding({
      level: 'critical',
      code: 'logs.lost',
      subject: lost.path,
      message: `The content of ${lost.path} (${lost.bytes} bytes before the rotation) is in no file any more; restore it from a backup.`,
      value: lost.bytes,
      unit: 'bytes',
    });
  }
  for (const error of log.errors) {
    const remedy = remedyFor(error);
    finding({ level: 'warning', code: 'logs.rotation', subject: log.path, message: `logrotate: ${error}${remedy}` });
  }
  const action = actionOf(facts);
  const result = {
    path: log.path,
    action,
    rotatedTo: account === null ? (log.decision === 'due' ? log.target : null) : account.rotatedTo,
    // logrotate notes the first sight of a log like a rotation; without a generation there was none.
    lastRotation:
      action === 'rotated' || snapshot.files.length > 1 ? (facts.lastRotation?.toISOString() ?? null) : null,
    bytes: snapshot.log?.bytes ?? 0,
    heldBy: [],
  };
  const seen = describeAction(result, facts);
  if (seen !== null) finding({ ...seen, code: 'logs.rotation', subject: log.path, value: result.bytes, unit: 'bytes' });
  return result;
}

/** Errors that are of no single log. */
export function tellErrors({ errors }: LogrotateReport, { configFile, context }: Rotation): void {
  for (const error of errors) {
    context.finding({
      level: 'critical',
      code: error.includes('script') ? 'logs.script' : 'logs.logrotate',
      subject: configFile,
      message: `logrotate: ${error}${remedyFor(error)}`,
    });
  }
}

/** Findings about the run as a whole; false when logrotate did not come to a good end. */
export function reportRun(run: ToolRun, report: LogrotateReport, rotation: Rotation): boolean {
  const { finding } = rotation.context;
  tellErrors(report, rotation);
  if (run.exitCode === 0) return true;
  const how = run.killedBy === null ? `exit code ${run.exitCode ?? 'unknown'}` : `killed by ${run.killedBy}`;
  if (report.errors.length > 0 || [...report.logs.values()].some(({ errors }) => errors.length > 0)) {
    // Each of its errors is told with what to do.
    if (run.killedBy === null) return false;
  }
  const locked =
    run.exitCode === 3 ? '; another logrotate holds its state file, run this again when that has ended' : '';
  finding({
    level: 'critical',
    code: 'logs.logrotate',
    subject: rotation.configFile,
    message: `logrotate did not end well: ${how}${locked}. What it printed is in the output.`,
  });
  return false;
}

/** What to do about an error of logrotate's, to be put behind it; empty where its own words say it all. */
export function remedyFor(error: string): string {
  return remedies.find(([pattern]) => pattern.test(error))?.[1] ?? '';
}

/** Its words are those of logrotate 3.18 to 3.22. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /(?:prerotate|first ?action) script/,
    '; nothing was rotated by this block: correct the script, or what it waits for.',
  ],
  [
    /No space left on device|Disk quota exceeded/,
    '; the disk is full: nothing is lost, what was not rotated stays as it is; free space and run this again, which finishes it.',
  ],
  [/^failed to compress log/, '; its content is whole, and the next run compresses it.'],
  [/script/, '; the logs were renamed, but their writers may not know: run the script by hand.'],
  [
    /insecure permissions/,
    '; set `su: USER GROUP` in logs.rotate, with the owner of that folder, or take the right to write to it from others.',
  ],
  [/^stat of .*No such file/, '; correct its path in logs.rotate, or set `missingok: true` there.'],
  [/olddir path .*No such file/, '; make that folder, or set `createolddir: 0750 root adm` in logs.rotate'],
  [
    /already exists, skipping rotation/,
    '; there is one of this name: rotate again later, or let `dateformat` in logs.rotate hold the seconds (-%Y%m%d-%s).',
  ],
];

export function reportWriters(file: FileResult, writers: readonly KnownWriter[], finding: Report): void {
  const chief = leaders(writers);
  const others = writers.length - chief.length;
  const services = [...new Set(writers.flatMap(({ service }) => service ?? []))].join(', ');
  const who =
    describeWriters(chief) +
    (others === 0 ? '' : ` with ${others} of its children`) +
    (services === '' ? '' : ` of ${services}`);
  finding({
    level: 'warning',
    code: 'logs.writer',
    subject: file.path,
    message: `${who} still writes to a file that was rotated away from ${file.path}; ${adviceFor(writers)}.`,
    value: writers.length,
    unit: 'processes',
  });
}

function actionOf({ log, snapshot, account }: FileFacts): FileResult['action'] {
  if (log.decision === 'refused') return 'error';
  // Where the folder is missing too, `missingok` makes logrotate say nothing at all.
  if (log.decision === 'not_due' && log.reason === '' && snapshot.log === null) return 'missing';
  if (log.decision !== 'due') return log.decision;
  if (account === null) return log.errors.length === 0 ? 'planned' : 'error';
  return account.verified ? 'rotated' : 'error';
}

/** Why a log is not due. The first sight of a log is to logrotate like a rotation: from then on its time counts. */
function waiting({ lastRotation }: FileResult, { log, lastRotation: noted }: FileFacts): string {
  if (log.reason === '') return 'logrotate does not say why';
  if (lastRotation !== null) return `${log.reason}, last rotation ${lastRotation}`;
  if (log.reason !== 'log has already been rotated') return log.reason;
  return `new to logrotate, its time counts from ${noted === undefined ? 'the first run on' : noted.toISOString()}`;
}

function describeAction(result: FileResult, facts: FileFacts): Pick<Finding, 'level' | 'message'> | null {
  const { log, account } = facts;
  const last = result.lastRotation === null ? '' : `, last rotation ${result.lastRotation}`;
  switch (result.action) {
    case 'planned':
      return {
        level: 'info',
        message: `${result.path} (${result.bytes} bytes) would be rotated to ${log.target ?? 'nothing'}.`,
      };
    case 'rotated':
      return {
        level: 'ok',
        message: `${result.path} (${result.bytes} bytes) was rotated${result.rotatedTo === null ? ' and removed, as configured' : ` to ${result.rotatedTo}`}.`,
      };
    case 'not_due':
      return { level: 'ok', message: `${result.path} is not due (${waiting(result, facts)}).` };
    case 'empty':
      return { level: 'ok', message: `${result.path} is empty and was left alone${last}.` };
    case 'missing':
      if (log.errors.length > 0) return null;
      return { level: 'info', message: `${result.path} does not exist, which its configuration allows.` };
    case 'error': {
      if (account === null || log.decision === 'refused' || account.doubt === null || log.decision === 'missing') {
        // An error of logrotate's own has its finding already.
        return log.errors.length > 0
          ? null
          : { level: 'warning', message: `logrotate refuses ${result.path}: ${log.reason}.` };
      }
      return {
        level: 'warning',
        message: `${result.path} was not rotated as it should be: ${account.doubt}; look into the output.`,
      };
    }
  }
}
