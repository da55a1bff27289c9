/** Opens the agent's store, whatever state it is in: what is damaged is repaired, what it lost is brought back, and it is said. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../thrown.ts';
import { copyAudit, copyTokens, shortenAuditCopy } from './copies.ts';
import { Database } from './database.ts';
import { examine, type Verdict } from './examine.ts';
import { copyFirstPage } from './firstPage.ts';
import { indexRuns, restoreSchedules, runDirectories } from './rebuild.ts';
import { repairStore, restoreCopies, type Repair } from './repair.ts';
import { Reserve } from './reserve.ts';
import { isDamage, isOutOfSpace, StoreError } from './storeErrors.ts';
import { upgrade } from './upgrade.ts';

/** Day folders that are compared with the store at each start. */
const daysCompared = 7;

export interface OpenStoreOptions {
  /** The state folder. */
  readonly directory: string;
  readonly now: () => number;
  /** Told, in one sentence, of what was damaged or lost and what was done; also later, when damage shows while the agent works. */
  readonly onRepair: (message: string) => void;
}

export function storeFile(directory: string): string {
  return join(directory, 'upkeep.db');
}

/** Throws StoreError when the store is another version's, or can not be read or written. */
export function openStore({ directory, now, onRepair }: OpenStoreOptions): Database {
  const file = storeFile(directory);
  const repair = (problem: string): void => {
    onRepair(repairMessage(repairStore(file, problem, now()), problem));
  };
  const reserve = new Reserve(join(directory, 'reserve'));
  const verdict = examineWith(reserve, file);
  if (verdict.kind === 'damaged') repair(verdict.problem);
  else if (verdict.kind === 'missing' && hadStore(directory)) repair('it is gone');
  else upgradeOr(repair, file, reserve);
  copyFirstPage(file);
  const database = new Database(file, {
    reserve,
    repair: (cause) => {
      repair(cause.message);
    },
  });
  try {
    mustBeWritable(database);
    for (const message of bringBack(database, join(directory, 'runs'))) onRepair(message);
    copyTokens(database);
    copyAudit(database);
    shortenAuditCopy(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** A migration reads pages that the start of a large store does not look at. */
function upgradeOr(repair: (problem: string) => void, file: string, reserve: Reserve): void {
  try {
    upgrade(file, reserve);
  } catch (error) {
    if (!isDamage(error)) throw error;
    repair(messageOf(error.cause ?? error));
  }
}

/** Even to read it, SQLite wants some space beside the file (sqlite.org/wal.html, 2.2). */
function examineWith(reserve: Reserve, file: string): Verdict {
  try {
    return examine(file);
  } catch (error) {
    if (!isOutOfSpace(error) || !reserve.exists()) throw error;
    reserve.release();
    return examine(file);
  }
}

/** A run's directory or a copy of the precious tables shows that there was one. */
function hadStore(directory: string): boolean {
  const marks = ['tokens.json', 'audit.ndjson'].map((name) => join(directory, name));
  const closed: string[] = [];
  const runs = runDirectories(join(directory, 'runs'), Number.POSITIVE_INFINITY, (folder) => closed.push(folder));
  return marks.some((mark) => existsSync(mark)) || runs.length + closed.length > 0;
}

function mustBeWritable(database: Database): void {
  // SQLite opens a file that it may not write without a word, and the reserve would take that for a full disk.
  database.change("INSERT OR REPLACE INTO meta (key, value) VALUES ('opened', ?)", new Date().toISOString());
  const { state, cause } = database.condition();
  if (state !== 'held' || !/readonly|read-only/i.test(cause ?? '')) return;
  throw new StoreError(
    `The store ${database.file} can not be written (${cause ?? ''}): give the file and its folder ${dirname(database.file)} to the user of the agent, and mount the file system read-write.`,
    null,
  );
}

/** A store that was put back, or whose log was lost, is sound and yet behind: the directories and copies know more. Says what it did, and could not. */
function bringBack(database: Database, runs: string): readonly string[] {
  const copies = restoreCopies(database);
  const indexed = indexRuns(database, runs, daysCompared);
  if (indexed.runs > 0) restoreSchedules(database);
  const closed = indexed.closed.map(
    (folder) =>
      `Runs in ${folder} can not be read, so the store may lack some of them: give the folder to the user of the agent, and look at the disk.`,
  );
  if (copies === null && indexed.started === 0) return closed;
  database.renewEpoch();
  const back = contents({ runs: indexed.runs, tokens: copies?.tokens ?? 0, audit: copies?.audit ?? 0 });
  const message = `The store ${database.file} was behind its copies (restored from a backup, or its -wal file was lost); ${back} were brought back.`;
  return [message, ...closed];
}

function repairMessage(repair: Repair, problem: string): string {
  const { aside, auditBrokenAt, unreadable } = repair;
  const what = `The store could not be used (${problem}) and was made anew with ${contents(repair)}`;
  const gaps = [
    auditBrokenAt === null ? '' : `entry ${auditBrokenAt} of the audit log is missing`,
    unreadable.length === 0 ? '' : `${unreadable.length} run directories can not be understood`,
  ].filter((gap) => gap !== '');
  const end = gaps.length === 0 ? '' : `; ${gaps.join('; ')}`;
  return `${what}${end}. ${aside === null ? 'There was no old file.' : `The old file is ${aside}.`}`;
}

function contents({ runs, tokens, audit }: Pick<Repair, 'runs' | 'tokens' | 'audit'>): string {
  return `${count(runs, 'run')}, ${count(tokens, 'token')} and ${count(audit, 'audit entry', 'audit entries')}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
