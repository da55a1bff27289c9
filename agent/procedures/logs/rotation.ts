/** The steps of one rotation: plan by `logrotate -d`, repair, rotate, account for every file. */
import { lstat } from 'node:fs/promises';
import type { ProcedureContext } from '../define.ts';
import { account, releaseSnapshots, takeSnapshot } from './account.ts';
import type { Snapshot } from './account.ts';
import { journalFile, readJournal, removeJournal, writeJournal } from './journal.ts';
import { runTool, type ToolCall, type ToolRun } from '../tool.ts';
import { parseOutput } from './logrotateOutput.ts';
import type { LogReport, LogrotateReport } from './logrotateOutput.ts';
import { readState } from './logrotateState.ts';
import { repairLog } from './repair.ts';
import { reportFile, reportRun, reportWriters } from './report.ts';
import type { FileResult } from './report.ts';
import { awaitRelease, describeWriters, inodeKey } from './writers.ts';
import type { WriterScan } from './writers.ts';

/** One rotation with all that its steps need. */
export interface Rotation {
  readonly call: Omit<ToolCall, 'args'>;
  readonly configFile: string;
  /** The same, but it rotates empty logs too: a log may get its first line between plan and rotation. */
  readonly planFile: string;
  readonly stateFile: string;
  readonly force: boolean;
  readonly context: ProcedureContext;
}

export interface Plan {
  /** What this run would do. */
  readonly report: LogrotateReport;
  /** What a forced run would do: names and ways of every log that is not empty, due or not. */
  readonly forced: ReadonlyMap<string, LogReport>;
}

export interface RotationResult {
  readonly files: readonly FileResult[];
  readonly changed: boolean;
  readonly failed: boolean;
}

/** Validates the configuration by `logrotate -d`; null, after findings, when there is nothing that logrotate accepts. */
export async function planRotation(rotation: Rotation): Promise<Plan | null> {
  const { context } = rotation;
  const report = await dryRun(rotation, rotation.configFile, rotation.force);
  for (const error of report.configErrors) {
    context.finding({
      level: 'critical',
      code: 'logs.config',
      subject: rotation.configFile,
      message: `logrotate refuses part of the configuration: ${error}; correct it, its logs are not rotated.`,
    });
  }
  if (report.configErrors.length > 0 && report.logs.size === 0) return null;
  if (!(await onlyRegularFiles(report, context.finding))) return null;
  return { report, forced: (await dryRun(rotation, rotation.planFile, true)).logs };
}

export async function rotate(rotation: Rotation, plan: Plan): Promise<RotationResult> {
  const { context } = rotation;
  const logs = [...plan.report.logs.values()];
  const failedBefore = plan.report.configErrors.length > 0;
  if (context.dryRun) {
    await repairAll(rotation, plan);
    const state = await readState(rotation.stateFile);
    const files: FileResult[] = [];
    for (const log of logs) {
      const snapshot = await takeSnapshot(log);
      await releaseSnapshots([snapshot]);
      files.push(reportFile({ log, snapshot, account: null, lastRotation: state.get(log.path) }, context.finding));
    }
    return { files, changed: false, failed: failedBefore };
  }
  if (!(await stateIsFree(rotation))) return { files: [], changed: false, failed: true };
  const repairs = await repairAll(rotation, plan);
  const snapshots = new Map<string, Snapshot>();
  try {
    for (const log of logs) snapshots.set(log.path, await takeSnapshot(plan.forced.get(log.path) ?? log));
    const result = await runAndSettle(rotation, plan, snapshots);
    return {
      files: result.files,
      changed: repairs > 0 || result.files.some(({ action }) => action === 'rotated'),
      failed: failedBefore || result.failed,
    };
  } finally {
    await releaseSnapshots(snapshots.values());
  }
}

async function runAndSettle(
  rotation: Rotation,
  plan: Plan,
  snapshots: ReadonlyMap<string, Snapshot>,
): Promise<{ files: readonly FileResult[]; failed: boolean }> {
  const { context, configFile } = rotation;
  const journal = journalFile(context.memoryDirectory, configFile);
  const startedAt = context.now().toISOString();
  await writeJournal(journal, { startedAt, config: configFile, logs: entries(snapshots) });
  const run = await runOrRepair(rotation, plan);
  const report = parseOutput(run.lines);
  const clean = reportRun(run, report, rotation);
  const { files, lost } = await settle(rotation, report, snapshots);
  if (run.killedBy === null) await removeJournal(journal);
  return { files, failed: !clean || lost };
}

/** Runs logrotate; when it ends before its time, by a signal or by ours, what it left unfinished is mended at once. */
async function runOrRepair(rotation: Rotation, plan: Plan): Promise<ToolRun> {
  const args = ['-v', ...(rotation.force ? ['-f'] : []), '-s', rotation.stateFile, '--', rotation.configFile];
  const signal = AbortSignal.timeout(60_000);
  try {
    const run = await runTool({ ...rotation.call, args });
    for (const line of run.lines) if (line.trim() !== '') rotation.context.print(line);
    if (run.killedBy !== null) await repairAll(rotation, plan);
    return run;
  } catch (error) {
    if (rotation.context.signal.aborted)
      await repairAll({ ...rotation, context: { ...rotation.context, signal } }, plan);
    throw error;
  }
}

async function settle(
  rotation: Rotation,
  report: LogrotateReport,
  snapshots: ReadonlyMap<string, Snapshot>,
): Promise<{ files: readonly FileResult[]; lost: boolean }> {
  const { context } = rotation;
  const state = await readState(rotation.stateFile);
  const held = await heldFiles(report, snapshots, context.signal);
  const files: FileResult[] = [];
  let lost = false;
  for (const log of report.logs.values()) {
    const snapshot = snapshots.get(log.path) ?? { log: null, files: [], pins: [] };
    const result = await account(snapshot, log, context.signal);
    lost ||= result.lost.length > 0;
    const file = reportFile({ log, snapshot, account: result, lastRotation: state.get(log.path) }, context.finding);
    const heldBy = writersOf(snapshot, held);
    if (heldBy.length > 0) reportWriters(file, heldBy, context.finding);
    files.push({ ...file, heldBy });
    context.progress({ done: files.length, total: report.logs.size, unit: 'files' });
  }
  if (!held.complete && files.some(({ action }) => action === 'rotated')) {
    context.finding({
      level: 'info',
      code: 'logs.writer',
      subject: rotation.configFile,
      message:
        'Not every process could be looked into, so a writer that still holds an old file may go unseen; run Upkeep as root on Linux to see all.',
    });
  }
  return { files, lost };
}

/** Writers of files that are no longer the log: those get a moment to follow the signal of `postrotate`. */
async function heldFiles(
  report: LogrotateReport,
  snapshots: ReadonlyMap<string, Snapshot>,
  signal: AbortSignal,
): Promise<WriterScan> {
  const keys = new Set<string>();
  for (const log of report.logs.values())
    for (const key of await formerFiles(log, snapshots.get(log.path))) keys.add(key);
  return await awaitRelease(keys, 3_000, signal);
}

async function formerFiles(log: LogReport, snapshot: Snapshot | undefined): Promise<readonly string[]> {
  const stats = await lstat(log.path, { bigint: true }).catch(() => null);
  const current = stats === null ? null : inodeKey(stats);
  return (snapshot?.files ?? []).filter(({ ending, key }) => ending === null && key !== current).map(({ key }) => key);
}

function writersOf(snapshot: Snapshot, scan: WriterScan): FileResult['heldBy'] {
  const writers = snapshot.files.flatMap(({ key }) => scan.writers.get(key) ?? []);
  return [...new Map(writers.map(({ pid, command }) => [pid, { pid, command }])).values()];
}

async function repairAll(rotation: Rotation, plan: Plan): Promise<number> {
  const { context } = rotation;
  const journal = await readJournal(journalFile(context.memoryDirectory, rotation.configFile));
  const interrupted = new Map((journal?.logs ?? []).map((entry) => [entry.path, entry]));
  let repairs = 0;
  for (const log of plan.forced.values()) repairs += await repairLog(log, { ...context, interrupted });
  return repairs;
}

/** logrotate keeps its state file open while it works: whoever has it open is rotating now. */
async function stateIsFree({ stateFile, context }: Rotation): Promise<boolean> {
  const stats = await lstat(stateFile, { bigint: true }).catch(() => null);
  if (stats === null) return true;
  const { writers } = await awaitRelease(new Set([inodeKey(stats)]), 30_000, context.signal);
  const holders = [...writers.values()].flat();
  if (holders.length === 0) return true;
  context.finding({
    level: 'critical',
    code: 'logs.busy',
    subject: stateFile,
    message: `Another rotation is running: ${describeWriters(holders)} holds ${stateFile}; run this again when it has ended.`,
  });
  return false;
}

/** logrotate would rename a FIFO or device like a log, and wait for ever to copy or compress it. */
async function onlyRegularFiles(report: LogrotateReport, finding: Rotation['context']['finding']): Promise<boolean> {
  let fine = true;
  for (const log of report.logs.values()) {
    if (log.decision !== 'due') continue;
    const stats = await lstat(log.path).catch(() => null);
    if (stats === null || stats.isFile()) continue;
    fine = false;
    finding({
      level: 'critical',
      code: 'logs.unsafe',
      subject: log.path,
      message: `${log.path} is not a regular file; nothing was rotated. Remove it or narrow the pattern that matches it.`,
    });
  }
  return fine;
}

function entries(snapshots: ReadonlyMap<string, Snapshot>) {
  return [...snapshots].flatMap(([path, { log, files }]) =>
    log === null ? [] : [{ path, key: log.key, bytes: log.bytes, generations: files.map(({ key }) => key) }],
  );
}

async function dryRun({ call, stateFile }: Rotation, configFile: string, force: boolean): Promise<LogrotateReport> {
  const run = await runTool({
    ...call,
    args: ['-d', ...(force ? ['-f'] : []), '-s', stateFile, '--', configFile],
  });
  return parseOutput(run.lines);
}
