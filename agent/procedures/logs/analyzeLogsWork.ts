/** The work of `analyze-logs`: find the logs, read each once, compare with what is remembered, report. */
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseSince } from '../../config/since.ts';
import { makeFolders } from '../../makeFolders.ts';
import { writeFileAtomic } from '../../store/atomicWrite.ts';
import { messageOf } from '../../thrown.ts';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import type { AnalyzeLogsOptions } from './analyzeLogs.ts';
import { findingsOf } from './analysis/findings.ts';
import { LogAnalysis } from './analysis/logAnalysis.ts';
import { markdownReport } from './analysis/markdown.ts';
import { GroupMemory } from './analysis/memory.ts';
import type { Log, Part } from './analysis/part.ts';
import { findLogs, withoutGeneration, type LogPlace, type Places } from './analysis/places.ts';
import { readLog } from './analysis/readLog.ts';
import { standardInput } from './analysis/source.ts';
import { groupsOf, isoOf, summarize } from './analysis/summary.ts';
import { terminalLines } from './analysis/terminal.ts';

export { part } from './analysis/part.ts';

const keptReports = 30;

export async function run(options: AnalyzeLogsOptions, given: ProcedureContext): Promise<ProcedureResult<Part>> {
  const { context, findings } = remembering(given);
  const now = context.now();
  const since = sinceOf(options, context, now);
  const places = await placesOf(options, context, since);
  const memory = await GroupMemory.read(context.memoryDirectory);
  if (memory.damaged) tellDamaged(context);
  const files: Log[] = [];
  const progress = await progressOf(places.logs, context);
  let failed = 0;
  for (const place of places.logs) {
    const logs = await analyze(place, { options, context, since, now: now.getTime(), memory, advance: progress });
    if (logs.length === 0) failed += 1;
    files.push(...logs);
  }
  const found: Part = { report: options.report, since: isoOf(since), reportFile: null, files };
  for (const log of files) tell(log, options.report, context);
  const reportFile = await keep(found, options, context, memory);
  const nothing = files.length === 0 && (failed > 0 || places.failures.length > 0);
  return { outcome: nothing ? 'failed' : outcomeOf(findings, 'unchanged'), part: { ...found, reportFile } };
}

function sinceOf(options: AnalyzeLogsOptions, { config }: ProcedureContext, now: Date): number {
  const text = options.since ?? config.logs.analyze.since;
  return text === undefined ? Number.NEGATIVE_INFINITY : (parseSince(text, now) ?? Number.NEGATIVE_INFINITY);
}

async function placesOf(options: AnalyzeLogsOptions, context: ProcedureContext, since: number): Promise<Places> {
  const { logs, baseDirectory } = context.config;
  const configured = logs.analyze.files ?? logs.rotate?.flatMap(({ paths }) => paths) ?? [];
  const patterns =
    options.file?.map((path) => (path === standardInput ? path : resolve(path))) ??
    configured.map((path) => resolve(baseDirectory, path));
  if (patterns.length === 0) {
    const message = 'No logs are configured; set `logs.analyze.files` in maintenance.yaml, or say --file.';
    context.finding({ level: 'warning', code: 'logs.none', subject: 'logs.analyze', message });
  }
  const rotations = (logs.rotate ?? []).map((rotation) => ({
    ...rotation,
    paths: rotation.paths.map((path) => resolve(baseDirectory, path)),
  }));
  const places = await findLogs(patterns, { generations: options.file === undefined, since, rotations });
  for (const { source, reason } of places.failures) {
    context.finding({ level: 'warning', code: 'logs.unreadable', subject: source, message: reason });
  }
  return places;
}

/** Progress in bytes of files, once a second at most. */
async function progressOf(logs: readonly LogPlace[], { progress }: ProcedureContext): Promise<(bytes: number) => void> {
  let total = 0;
  for (const path of logs.flatMap(({ files }) => files)) total += (await stat(path).catch(() => null))?.size ?? 0;
  const begun = performance.now();
  let [done, told] = [0, begun];
  return (bytes) => {
    done += bytes;
    const now = performance.now();
    if (now - told < 1000) return;
    told = now;
    const etaSeconds = Math.round(((now - begun) / 1000 / Math.max(1, done)) * Math.max(0, total - done));
    progress({ done, total: Math.max(total, done), unit: 'bytes', etaSeconds });
  };
}

interface Analyzing {
  readonly options: AnalyzeLogsOptions;
  readonly context: ProcedureContext;
  readonly since: number;
  readonly now: number;
  readonly memory: GroupMemory;
  readonly advance: (bytes: number) => void;
}

/** One log; of an archive all that it holds. Generations of one log lie side by side there. */
async function analyze(place: LogPlace, given: Analyzing): Promise<readonly Log[]> {
  const { options, context, since, now, memory, advance } = given;
  const logs: Log[] = [];
  let open: { source: string; keep: boolean; analysis: LogAnalysis; read: string[]; bytes: number } | null = null;
  const close = (): void => {
    if (open !== null) logs.push(summed(open, given));
    open = null;
  };
  const begin = (path: string, member: string | null): LogAnalysis => {
    const source = member === null ? place.source : `${path}:${withoutGeneration(member)}`;
    if (open?.source !== source) {
      close();
      const { ignore, request_time: requestTime } = context.config.logs.analyze;
      const analysis = new LogAnalysis({ report: options.report, since, now, top: options.top, ignore, requestTime });
      memory.teach(source, analysis.templates);
      open = { source, keep: member === null && path !== standardInput, analysis, read: [], bytes: 0 };
    }
    open.read.push(member ?? path);
    return open.analysis;
  };
  const end = (bytes: number): void => {
    if (open !== null) open.bytes += bytes;
  };
  const failures = await readLog(place, { signal: context.signal, advance, begin, end });
  close();
  for (const { path, reason, partly } of failures) {
    const code = partly ? 'logs.damaged' : 'logs.unreadable';
    context.finding({ level: 'warning', code, subject: path, message: reason });
  }
  return logs;
}

function summed(
  {
    source,
    keep,
    analysis,
    read,
    bytes,
  }: Pick<Log, 'source' | 'read' | 'bytes'> & {
    readonly keep: boolean;
    readonly analysis: LogAnalysis;
  },
  { options, context, now, memory }: Analyzing,
): Log {
  const { report, top } = options;
  const performance = report === 'performance';
  const summary = summarize(analysis, { source, read, bytes, groups: [], performance, top });
  const from = summary.firstSeen === null ? Number.NaN : Date.parse(summary.firstSeen);
  // Before they are compared: what is remembered holds no secret either.
  const mask = context.mask ?? ((text) => text);
  const seen = groupsOf(analysis).map((group) => ({ ...group, template: mask(group.template) }));
  // An archive does not grow, and standard input is another log each time: nothing to remember.
  const judged = memory.learn(source, seen, { now, from, keep });
  const rest = judged.slice(top).reduce((sum, { count }) => sum + count, 0);
  // What is new is shown whatever its rank.
  const groups = judged.filter(({ isNew }, rank) => rank < top || (isNew === true && rank < top * 10));
  return { ...summary, groups, otherMessages: summary.otherMessages + rest };
}

function tell(log: Log, report: Part['report'], context: ProcedureContext): void {
  for (const finding of findingsOf(log, context.config.logs.analyze)) context.finding(finding);
  for (const line of terminalLines(log, report)) context.print(line);
}

/** Writes the report (0600) and what the next run is to know; null in a dry run. */
async function keep(
  found: Part,
  options: AnalyzeLogsOptions,
  context: ProcedureContext,
  memory: GroupMemory,
): Promise<string | null> {
  if (context.dryRun || found.files.length === 0) return null;
  await memory.write().catch((error: unknown) => {
    const message = `What this run saw is not kept, so the next one can not tell what is new: ${messageOf(error)}`;
    context.finding({ level: 'warning', code: 'logs.memory', subject: context.memoryDirectory, message });
  });
  const now = context.now();
  const ending = options.format === 'json' ? 'json' : 'md';
  const folder = join(context.memoryDirectory, 'reports');
  const name = `${options.report}-${now.toISOString().replaceAll(/[:.]/g, '-')}.${ending}`;
  const file = options.output === undefined ? join(folder, name) : resolve(options.output);
  const text = options.format === 'json' ? `${JSON.stringify(found, null, 2)}\n` : markdownReport(found, now);
  try {
    if (options.output === undefined) await makeFolders(folder, 0o700);
    await writeFileAtomic(file, context.mask?.(text) ?? text);
  } catch (error) {
    // What was found, after an hour perhaps, is told all the same.
    const other = options.output === undefined ? 'a place for it by --output' : 'another --output';
    const message = `The report could not be written to ${file} (${messageOf(error)}); give ${other}.`;
    context.finding({ level: 'warning', code: 'logs.report', subject: file, message });
    return null;
  }
  if (options.output === undefined) await dropOldReports(folder);
  context.print(`The report is in ${file}`);
  return file;
}

async function dropOldReports(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^(?:error|performance)-\d{4}-.*\.(?:md|json)$/.test(name));
  const byDate = names.sort((one, other) => (dateIn(one) < dateIn(other) ? 1 : -1));
  for (const name of byDate.slice(keptReports)) await rm(join(folder, basename(name)), { force: true });
}

function dateIn(name: string): string {
  return name.slice(name.indexOf('-') + 1);
}

function tellDamaged({ memoryDirectory, finding }: ProcedureContext): void {
  const message = 'What earlier runs had seen can not be read; it begins anew, so nothing is told to be new today.';
  finding({ level: 'info', code: 'logs.memory', subject: memoryDirectory, message });
}
