/** The steps of one rotation: plan by `logrotate -d`, repair, rotate, account for every file. */
import { lstatSync } from 'node:fs';
import type { ProcedureContext } from '../define.ts';
import { Pins, takeSnapshot } from './account.ts';
import type { Snapshot } from './account.ts';
import { describe, FolderNames } from './generations.ts';
import type { Generation } from './generations.ts';
import { undoHalfRenames } from './halfRenames.ts';
import { finishScripts } from './finishScripts.ts';
import { keepHeld, setAsideOf } from './heldGenerations.ts';
import { bootId, journalFile, outputFile, readJournal, removeJournal, writeJournal } from './journal.ts';
import type { Journal } from './journal.ts';
import type { LogRotation } from './logrotateConfig.ts';
import { finishRights } from './newFileRights.ts';
import { interruptedRotation, owedScripts } from './owedScripts.ts';
import type { Interrupted, OwedScript } from './owedScripts.ts';
import { hasRoomForOutput, runTool, type ToolCall, type ToolRun } from '../tool.ts';
import { parseOutput, tellable } from './logrotateOutput.ts';
import type { LogrotateReport } from './logrotateOutput.ts';
import { readState } from './logrotateState.ts';
import { repairLog } from './repair.ts';
import type { RepairContext } from './repair.ts';
import { remedyFor, reportFile, reportRun, tellErrors } from './report.ts';
import type { FileResult } from './report.ts';
import { foldersStay } from './rotationSafety.ts';
import { settle } from './settlement.ts';
import { endStuckOpens } from './stuckOpen.ts';
import type { Before } from './settlement.ts';
import { WorkingUsers } from './workingUsers.ts';
import { awaitRelease, describeWriters } from './writers.ts';

/** One rotation with all that its steps need. */
export interface Rotation {
  readonly call: Omit<ToolCall, 'args'>;
  readonly configFile: string;
  /** The same, but it rotates empty logs too: a log may get its first line between plan and rotation. */
  readonly planFile: string;
  readonly stateFile: string;
  /** Of logs that logrotate works on with our rights, as far as the configuration names them. */
  readonly folders: readonly string[];
  readonly force: boolean;
  /** `logs.rotate`, when the configuration was made of it; null = it is the administrator's own file. */
  readonly rotations: readonly LogRotation[] | null;
  readonly context: ProcedureContext;
}

export interface Plan {
  /** What a forced run would do: names and ways of every log that is not empty, due or not. */
  readonly forced: LogrotateReport;
  /** What this run would do; null where only the run itself will tell. */
  readonly report: LogrotateReport | null;
}

export interface RotationResult {
  readonly files: readonly FileResult[];
  readonly changed: boolean;
  readonly failed: boolean;
}

const failure: RotationResult = { files: [], changed: false, failed: true };

/** The whole of it; what stops it is a finding. */
export async function rotate(rotation: Rotation): Promise<RotationResult> {
  const { context } = rotation;
  if (!context.dryRun && !(await stateIsFree(rotation))) return failure;
  const journal = await readJournal(journalFile(context.memoryDirectory, rotation.configFile));
  const mending = mendingBy(journal, { ...context, users: new WorkingUsers() });
  const undone = await undoHalfRenames(journal, mending);
  const plan = await planRotation(rotation);
  if (plan === null) return failure;
  const folders = new FolderNames();
  const mended = await mendAll(rotation, plan, folders, mending);
  const changes =
    undone + mended.changes + (await keepHeld(plan.forced, folders, mending, () => dueNow(rotation, plan)));
  const result =
    plan.report === null
      ? await rotateNow(rotation, plan, changes > 0 ? new FolderNames() : folders, mending)
      : await tellPlan(rotation, plan.report, folders);
  return {
    files: result.files,
    changed: changes > 0 || result.changed,
    failed: result.failed || mended.failed || plan.forced.configErrors.length > 0,
  };
}

function mendingBy(journal: Journal | null, context: Omit<RepairContext, 'interrupted'>): Mending {
  return { ...context, journal, interrupted: new Map((journal?.logs ?? []).map((entry) => [entry.path, entry])) };
}

/** Validates the configuration by `logrotate -d`; null, after findings, when there is nothing that logrotate accepts. */
async function planRotation(rotation: Rotation): Promise<Plan | null> {
  const { context, configFile, planFile } = rotation;
  const forced = await dryRun(rotation, planFile, true);
  for (const error of forced.configErrors) {
    context.finding({
      level: 'critical',
      code: 'logs.config',
      subject: configFile,
      message: `logrotate refuses part of the configuration: ${error.replaceAll(planFile, configFile)}${remedyFor(error)}; correct it, its logs are not rotated.`,
    });
  }
  if (forced.configErrors.length > 0 && forced.logs.size === 0) return null;
  if (!(await foldersStay(forced, rotation.folders, context))) return null;
  const odd = irregular(forced);
  if (!context.dryRun && odd.length === 0) return { forced, report: null };
  const report = await dryRun(rotation, configFile, rotation.force);
  // logrotate would rename a FIFO or device like a log, and wait for ever to copy or compress it.
  const unsafe = odd.filter((file) => report.logs.get(file)?.decision === 'due');
  for (const file of unsafe) {
    context.finding({
      level: 'critical',
      code: 'logs.unsafe',
      subject: file,
      message: `${file} is not a regular file; nothing was rotated. Remove it or narrow the pattern that matches it.`,
    });
  }
  if (unsafe.length > 0) return null;
  return { forced, report: context.dryRun ? report : null };
}

async function tellPlan(rotation: Rotation, report: LogrotateReport, folders: FolderNames): Promise<RotationResult> {
  const state = await readState(rotation.stateFile);
  const files: FileResult[] = [];
  for (const log of report.logs.values()) {
    const snapshot = await takeSnapshot(log, folders);
    const facts = { log, snapshot, account: null, lastRotation: state.get(log.path) };
    files.push(reportFile(facts, rotation.context.finding));
  }
  tellErrors(report, rotation);
  return { files, changed: false, failed: report.errors.length > 0 };
}

async function rotateNow(
  rotation: Rotation,
  plan: Plan,
  folders: FolderNames,
  mending: Mending,
): Promise<RotationResult> {
  const snapshots = new Map<string, Snapshot>();
  const setAside = new Map<string, readonly Generation[]>();
  const pins = new Pins();
  try {
    for (const log of plan.forced.logs.values()) {
      const snapshot = await takeSnapshot(log, folders);
      pins.add(snapshot.files);
      snapshots.set(log.path, snapshot);
      setAside.set(log.path, await setAsideOf(log, folders));
    }
    const { files, failed } = await runAndSettle(rotation, plan, { snapshots, setAside, pins }, mending);
    return { files, changed: files.some(({ action }) => action === 'rotated'), failed };
  } finally {
    pins.release();
  }
}

async function runAndSettle(
  rotation: Rotation,
  plan: Plan,
  before: Before,
  mending: Mending,
): Promise<{ files: readonly FileResult[]; failed: boolean }> {
  const { context, configFile } = rotation;
  const journal = journalFile(context.memoryDirectory, configFile);
  const keepsOutput = await hasRoomForOutput(context.memoryDirectory);
  await writeJournal(journal, {
    startedAt: context.now().toISOString(),
    config: configFile,
    boot: await bootId(),
    keepsOutput,
    logs: entries(plan, before),
    begun: [],
    ended: [],
  });
  const output = keepsOutput ? outputFile(context.memoryDirectory, configFile) : undefined;
  const run = await runOrRepair(rotation, plan, output, mending);
  const report = parseOutput(run.lines);
  const clean = reportRun(run, report, rotation);
  const { files, lost } = await settle(rotation, plan, report, before);
  if (run.killedBy === null) await removeJournal(journal);
  return { files, failed: !clean || lost };
}

/** Runs logrotate; when it ends before its time, by a signal or by ours, what it left unfinished is mended at once. */
async function runOrRepair(
  rotation: Rotation,
  plan: Plan,
  output: string | undefined,
  mending: Mending,
): Promise<ToolRun> {
  const args = ['-v', ...(rotation.force ? ['-f'] : []), '-s', rotation.stateFile, '--', rotation.configFile];
  try {
    const guard = endStuckOpens();
    const run = await runTool({ ...rotation.call, args, output }).finally(() => {
      if (guard.stop() > 0) reportStuck(rotation);
    });
    for (const line of tellable(run.lines)) rotation.context.print(line);
    if (run.killedBy !== null) {
      const mended = await mendingOf(rotation, mending);
      await undoHalfRenames(mended.journal, mended);
      await mendAll(rotation, plan, new FolderNames(), mended);
    }
    return run;
  } catch (error) {
    if (rotation.context.signal.aborted) await repairStopped(rotation, plan, mending);
    throw error;
  }
}

function reportStuck({ context, configFile }: Rotation): void {
  context.finding({
    level: 'critical',
    code: 'logs.unsafe',
    subject: configFile,
    message:
      'Somebody put a FIFO in the place of a log while logrotate worked, which waited for it and was ended; look who can write to the folders of these logs, then run this again.',
  });
}

/** What repairs need. */
type Mending = RepairContext & { readonly journal: Journal | null };

interface Mended {
  /** Repairs and scripts. */
  readonly changes: number;
  readonly failed: boolean;
}

/** What an interrupted rotation left undone, in logrotate's order: writers learn of the new files before the old are compressed. */
async function mendAll(rotation: Rotation, plan: Plan, folders: FolderNames, mending: Mending): Promise<Mended> {
  const { journal } = mending;
  const interrupted = journal === null ? null : await interruptedRotation(journal, rotation);
  if (interrupted === null) return { changes: await repairAll(plan, folders, mending), failed: false };
  const { context } = rotation;
  const given = await finishRights(interrupted, mending);
  const owed = owedBy(interrupted, plan, rotation);
  const after = owed.filter(({ kind }) => kind === 'postrotate');
  const told = await finishScripts(after, interrupted.journal, context);
  const repairs = await repairAll(plan, told.ran > 0 ? new FolderNames() : folders, mending);
  const last = await finishScripts(
    owed.filter(({ kind }) => kind === 'lastaction'),
    told.journal,
    context,
  );
  return { changes: given + told.ran + repairs + last.ran, failed: told.failed || last.failed };
}

function owedBy(interrupted: Interrupted, { forced }: Plan, { rotations, context }: Rotation): readonly OwedScript[] {
  return owedScripts(interrupted, forced, rotations ?? [], context.config.baseDirectory);
}

async function repairAll({ forced }: Pick<Plan, 'forced'>, folders: FolderNames, mending: Mending): Promise<number> {
  let repairs = 0;
  for (const log of forced.logs.values()) repairs += await repairLog(log, folders, mending);
  return repairs;
}

/** By the journal of this very run. */
async function mendingOf({ context, configFile }: Rotation, mending: Mending): Promise<Mending> {
  return mendingBy(await readJournal(journalFile(context.memoryDirectory, configFile)), mending);
}

/** After a stop nothing new is begun: a log whose writer has not been told waits, as it is, for the next run. */
async function repairStopped(rotation: Rotation, plan: Plan, stopped: Mending): Promise<void> {
  const mending = { ...(await mendingOf(rotation, stopped)), signal: AbortSignal.timeout(60_000) };
  await undoHalfRenames(mending.journal, mending);
  const interrupted = mending.journal === null ? null : await interruptedRotation(mending.journal, rotation);
  const owed = interrupted === null ? [] : owedBy(interrupted, plan, rotation);
  const untold = owed.filter(({ kind, state }) => kind === 'postrotate' && state !== 'ended');
  const waiting = new Set(untold.flatMap(({ logs }) => logs.map(({ path }) => path)));
  const logs = new Map([...plan.forced.logs].filter(([path]) => !waiting.has(path)));
  await repairAll({ forced: { ...plan.forced, logs } }, new FolderNames(), mending);
}

/** Logs that this run will rotate. */
async function dueNow(rotation: Rotation, plan: Plan): Promise<LogrotateReport['logs']> {
  const report = plan.report ?? (await dryRun(rotation, rotation.configFile, rotation.force));
  return new Map([...report.logs].filter(([, { decision }]) => decision === 'due'));
}

/** logrotate keeps its state file open while it works: whoever has it open is rotating now. */
async function stateIsFree({ stateFile, context }: Rotation): Promise<boolean> {
  const state = describe(stateFile);
  if (state === null) return true;
  const { writers } = await awaitRelease(new Set([state.key]), 30_000, context.signal);
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

function irregular({ logs }: LogrotateReport): readonly string[] {
  return [...logs.values()]
    .filter(
      ({ path, decision }) => decision === 'due' && lstatSync(path, { throwIfNoEntry: false })?.isFile() === false,
    )
    .map(({ path }) => path);
}

function entries(plan: Plan, { snapshots }: Before) {
  return [...snapshots].flatMap(([path, { log, files }]) => {
    if (log === null) return [];
    const target = plan.forced.logs.get(path)?.target ?? null;
    return [{ path, key: log.key, bytes: log.bytes, target, generations: files.map(({ key }) => key) }];
  });
}

async function dryRun({ call, stateFile }: Rotation, configFile: string, force: boolean): Promise<LogrotateReport> {
  const run = await runTool({
    ...call,
    args: ['-d', ...(force ? ['-f'] : []), '-s', stateFile, '--', configFile],
  });
  return parseOutput(run.lines);
}
