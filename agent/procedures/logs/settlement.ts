/** After a rotation: where the content of every file is now, and who still writes to an old one. */
import { account, type Pins, type Snapshot } from './account.ts';
import { describe, FolderNames, generationsOf } from './generations.ts';
import type { Generation } from './generations.ts';
import type { LogReport, LogrotateReport } from './logrotateOutput.ts';
import { readState } from './logrotateState.ts';
import { reportFile, reportWriters } from './report.ts';
import type { FileResult } from './report.ts';
import type { Plan, Rotation } from './rotation.ts';
import { withServices } from './writerAdvice.ts';
import type { KnownWriter } from './writerAdvice.ts';
import { awaitRelease } from './writers.ts';
import type { WriterScan } from './writers.ts';

/** What there was before, by path of the log. */
export interface Before {
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** No generations any more, yet somebody may write to them. */
  readonly setAside: ReadonlyMap<string, readonly Generation[]>;
  readonly pins: Pins;
}

export async function settle(
  rotation: Rotation,
  plan: Plan,
  report: LogrotateReport,
  before: Before,
): Promise<{ readonly files: readonly FileResult[]; readonly lost: boolean }> {
  const { context } = rotation;
  const state = await readState(rotation.stateFile);
  const held = await heldFiles(report, before, context.signal);
  const folders = new FolderNames();
  const files: FileResult[] = [];
  const progress = sparingly(context.progress);
  let lost = false;
  for (const log of report.logs.values()) {
    const snapshot = before.snapshots.get(log.path) ?? { log: null, files: [] };
    const planned = plan.forced.logs.get(log.path);
    // The run names what it did, the plan also what there may have been before.
    const naming = {
      path: log.path,
      target: log.target,
      renames: planned?.renames ?? log.renames,
      dateGlob: log.dateGlob ?? planned?.dateGlob ?? null,
    };
    const result = await account(snapshot, log, await generationsOf(naming, folders), context.signal);
    lost ||= result.lost.length > 0;
    const file = reportFile({ log, snapshot, account: result, lastRotation: state.get(log.path) }, context.finding);
    const heldBy = writersOf([...snapshot.files, ...(before.setAside.get(log.path) ?? [])], held);
    if (heldBy.length > 0) reportWriters(file, heldBy, context.finding);
    files.push({ ...file, heldBy: [...heldBy] });
    progress({ done: files.length, total: report.logs.size, unit: 'files' });
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
async function heldFiles(report: LogrotateReport, before: Before, signal: AbortSignal): Promise<WriterScan> {
  const keys = new Set<string>();
  for (const log of report.logs.values()) {
    for (const key of formerFiles(log, before.snapshots.get(log.path))) keys.add(key);
    for (const { key } of before.setAside.get(log.path) ?? []) keys.add(key);
  }
  return await awaitRelease(keys, 3_000, signal, before.pins.descriptors);
}

function formerFiles(log: LogReport, snapshot: Snapshot | undefined): readonly string[] {
  const current = describe(log.path)?.key ?? null;
  return (snapshot?.files ?? []).filter(({ ending, key }) => ending === null && key !== current).map(({ key }) => key);
}

function writersOf(files: readonly Generation[], scan: WriterScan): readonly KnownWriter[] {
  const writers = files.flatMap(({ key }) => scan.writers.get(key) ?? []);
  return withServices([...new Map(writers.map((writer) => [writer.pid, writer])).values()]);
}

/** At most once a second; what is done within the first needs no progress. */
function sparingly<Progress>(report: (progress: Progress) => void): (progress: Progress) => void {
  let last = performance.now();
  return (progress) => {
    if (performance.now() - last < 1_000) return;
    last = performance.now();
    report(progress);
  };
}
