/**
 * Scripts that an interrupted rotation did not come to. logrotate renames a log, makes the new one and then runs `postrotate`, by which
 * the writer learns of it; killed in between it does not run that later, since the log is not due any more, and the writer goes on in
 * the renamed file. What was begun is known by what logrotate had said: it names each script before it runs it.
 */
import { closeSync, constants, lstatSync, openSync, readSync } from 'node:fs';
import { describe } from './generations.ts';
import { bootId, readOutput } from './journal.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { readState } from './logrotateState.ts';
import type { Rotation } from './rotation.ts';
import { filesOf, scriptText } from './logrotateConfig.ts';
import type { LogRotation } from './logrotateConfig.ts';
import { parseOutput } from './logrotateOutput.ts';
import type { LateScript, LogReport, LogrotateReport } from './logrotateOutput.ts';

export interface RotatedLog extends Pick<JournalEntry, 'path' | 'target'> {
  /** Inode of its old file; null once that is compressed, for its number may be another file's by now. */
  readonly oldKey: string | null;
  /** Inode of the file that has the log's name now. */
  readonly newKey: string;
  /** True of a log whose content was copied (copytruncate): its writer keeps its file and has nothing to learn. */
  readonly copied: boolean;
}

export interface OwedScript {
  readonly kind: LateScript;
  /** For people: `postrotate of logs.rotate[0]`. */
  readonly name: string;
  /** What logrotate calls: `sh -c TEXT logrotate_script ARGUMENTS`. */
  readonly text: string;
  readonly args: readonly string[];
  /** Logs that were rotated, and whose files are as that rotation left them. */
  readonly logs: readonly RotatedLog[];
  /** `begun`: and not seen to end. `unknown`: what logrotate said is not there, or may have lost its end. */
  readonly state: 'not_begun' | 'begun' | 'ended' | 'unknown';
  /** No other script of its block comes after the renames, so that this one tells the writers. */
  readonly tellsWriters: boolean;
}

/** What is known of how far an interrupted rotation came. */
export interface Interrupted {
  readonly journal: Journal;
  /** What logrotate said of each log. */
  readonly said: LogrotateReport['logs'];
  /** False where it may have said more than was kept. */
  readonly whole: boolean;
}

/** Null when it came to its end after all. */
export async function interruptedRotation(
  journal: Journal,
  { stateFile, context: { memoryDirectory } }: Pick<Rotation, 'stateFile' | 'context'>,
): Promise<Interrupted | null> {
  if (await cameToItsEnd(journal, stateFile)) return null;
  const lines = await readOutput(memoryDirectory, journal);
  const whole = lines !== null && journal.boot !== null && journal.boot === (await bootId());
  return { journal, said: parseOutput(lines ?? []).logs, whole };
}

/** By the configuration as it is now; `forced`: the plan of its logs. In the order in which logrotate would have run them. */
export function owedScripts(
  { journal, said, whole }: Interrupted,
  forced: LogrotateReport,
  rotations: readonly LogRotation[],
  baseDirectory: string,
): readonly OwedScript[] {
  const stateOf = (kind: LateScript, logs: readonly RotatedLog[], args: readonly string[]): OwedScript['state'] => {
    const id = idOf({ kind, args });
    if (journal.begun.includes(id)) return journal.ended.includes(id) ? 'ended' : 'begun';
    const reports = logs.map(({ path }) => said.get(path));
    const known = reports.map((report) => report?.scripts.get(kind)).find((state) => state !== undefined);
    if (known !== undefined) return known;
    // A rename that it did not come to say: the disk was full.
    return whole && logs.every(({ target }, index) => reports[index]?.target === target) ? 'not_begun' : 'unknown';
  };
  return rotations.flatMap((rotation, index) => {
    const files = filesOf(rotation, baseDirectory);
    const isOfBlock = ({ path }: JournalEntry): boolean => forced.logs.get(path)?.pattern?.trim() === files;
    const own = journal.logs.filter(isOfBlock);
    const pattern = own.map(({ path }) => forced.logs.get(path)?.pattern).find(Boolean) ?? files;
    const make = (kind: LateScript, logs: readonly RotatedLog[], args: readonly string[]): readonly OwedScript[] => {
      const text = scriptText(rotation[kind]);
      if (text === null || logs.length === 0) return [];
      const isFirst = kind === 'postrotate' || scriptText(rotation.postrotate) === null;
      const tellsWriters = isFirst && !logs.every(({ copied }) => copied);
      const name = `\`${kind}\` of logs.rotate[${index}]`;
      return [{ kind, name, text, args, logs, state: stateOf(kind, logs, args), tellsWriters }];
    };
    const rotated = own.flatMap((entry) => rotatedLog(entry, said.get(entry.path)));
    // What is compressed has its `postrotate` behind it.
    const renamed = rotated.filter(({ target, oldKey, copied }) =>
      copied ? target !== null && describe(target) !== null : oldKey !== null,
    );
    return [
      ...(rotation.sharedscripts
        ? make('postrotate', renamed, [pattern])
        : renamed.flatMap((log) => make('postrotate', [log], [log.path, log.target ?? '']))),
      ...make('lastaction', rotated, [pattern]),
    ];
  });
}

/** A logrotate that outlived Upkeep writes its state when all is done; the first one makes an empty state when it begins. */
async function cameToItsEnd({ startedAt }: Journal, stateFile: string): Promise<boolean> {
  const stats = lstatSync(stateFile, { throwIfNoEntry: false });
  if (stats === undefined || stats.mtimeMs < Date.parse(startedAt)) return false;
  return (await readState(stateFile)).size > 0;
}

/** Under this it is noted in the journal before it is begun. */
export function idOf({ kind, args }: Pick<OwedScript, 'kind' | 'args'>): string {
  return JSON.stringify([kind, ...args]);
}

/**
 * The log when it was rotated: its name leads to another file, or to the same one without its content (copytruncate), and its content is
 * where that rotation put it. `said`: what logrotate told of it; with that, the content may also have been compressed since.
 */
export function rotatedLog(entry: JournalEntry, said: LogReport | undefined): readonly RotatedLog[] {
  const { path, target, key } = entry;
  const newKey = describe(path)?.key;
  if (newKey === undefined || target === null) return [];
  if (newKey === key) return wasCopied(entry, said) ? [{ path, target, oldKey: null, newKey, copied: true }] : [];
  if (describe(target)?.key === key) return [{ path, target, oldKey: key, newKey, copied: false }];
  return said?.target === target ? [{ path, target, oldKey: null, newKey, copied: false }] : [];
}

/** A log that is as long as ever may have grown again: then logrotate had said that it empties it, and it begins otherwise. */
function wasCopied({ path, target, bytes, generations }: JournalEntry, said: LogReport | undefined): boolean {
  if (target === null || (said !== undefined && !(said.copies && said.target === target))) return false;
  const copy = describe(target);
  if (copy === null ? said === undefined : generations.includes(copy.key)) return false;
  if ((describe(path)?.bytes ?? 0) < Math.max(bytes, copy?.bytes ?? 0)) return true;
  return said?.empties === true && !(copy !== null && copy.bytes > 0 && beginsAs(path, copy.path));
}

/** By their first bytes. False where one of them can not be read. */
function beginsAs(file: string, copy: string): boolean {
  const [beginning, wanted] = [beginningOf(file), beginningOf(copy)];
  return beginning !== null && wanted !== null && beginning.subarray(0, wanted.length).equals(wanted);
}

function beginningOf(file: string): Buffer | null {
  const bytes = Buffer.alloc(64 * 1024);
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return bytes.subarray(0, readSync(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}
