/**
 * The directory of a run, `runs/<yyyy-mm-dd>/<runId>/`: what survives everything.
 * `run.json` what, why, who, when · `output.log` the child's stdout and stderr · `results.ndjson` findings and progress ·
 * `pid` of the wrapper · `exit.json` written by the wrapper when the child has ended; its modification time is the end ·
 * `stop.json` why it is being stopped ·
 * `end.json` the record as it ended · `output.cut.json` what was dropped of the output.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { run, type Run } from '../protocol/nouns.ts';
import { codeOf } from '../thrown.ts';
import { runSettings } from './settings.ts';

const runIdPattern = /^(\d{4})(\d{2})(\d{2})T\d{6}-[0-9a-f]{8}$/;

/** `20240131T030000-1a2b3c4d`: sorts by time, and names its own folder. */
export function newRunId(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}`;
}

/** For files that a job may have replaced: no link is followed (ELOOP), no FIFO waited for. */
export const readingPlainly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What the agent must know to start a run that waits, and to take over one that another agent started. */
export const launch = z.object({
  run,
  command: z.array(z.string()).min(1),
  /** True = the command is arguments for this very Upkeep. */
  self: z.boolean().default(false),
  /** Of a procedure; null = it has none, or they stand in the command, as older agents kept them. */
  options: z.record(z.string(), z.unknown()).nullable().default(null),
  /** Script file whose owner is checked before the start, and its SHA-256 when people approved it. */
  script: z.string().nullable().default(null),
  scriptSha256: z.string().nullable().default(null),
  /** Milliseconds since the epoch, null = no time-out, or not started. */
  deadline: z.number().nullable(),
  /** Of each attempt, in milliseconds. */
  timeoutMs: z.number().nullable().default(null),
  alertOn: z.enum(['nothing', 'failure', 'warning']),
  settings: runSettings.prefault({}),
  /** True for the clean-up after a run that was stopped: it goes before all that waits, and keeps its claims. */
  ahead: z.boolean().default(false),
  claims: z.array(z.string()).default([]),
  /** Task whose `env` the child gets; null = none. */
  environmentOf: z.string().nullable().default(null),
  /** What the child finds in its environment beyond the usual. */
  variables: z.record(z.string(), z.string()).default({}),
});
export type Launch = z.infer<typeof launch>;

/** For a run whose run.json is gone: it can be watched and ended, not started. Whether its failure matters nobody knows, so it is told. */
export function unknownLaunch(item: Run): Launch {
  return launch.parse({ run: item, command: ['false'], deadline: null, alertOn: 'failure' });
}

/** Why a run is being stopped, for the agent that finishes it. */
const stopOrder = z.object({ cause: z.enum(['cancelled', 'timed-out']), by: z.string() });
export type StopOrder = z.infer<typeof stopOrder>;

export interface ExitRecord {
  readonly code: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export class RunDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The directory of a run id; null when the id is not one of ours (it never reaches the file system then). */
  static of(root: string, runId: string): RunDirectory | null {
    const match = runIdPattern.exec(runId);
    if (match === null) return null;
    return new RunDirectory(join(root, `${match[1]}-${match[2]}-${match[3]}`, runId));
  }

  get output(): string {
    return join(this.path, 'output.log');
  }
  get results(): string {
    return join(this.path, 'results.ndjson');
  }
  get exit(): string {
    return join(this.path, 'exit.json');
  }
  get script(): string {
    return join(this.path, 'block.sh');
  }

  create(): void {
    makeFolder(this.path);
    // There from the start, for it is watched; output.log comes with the process. What a run has put in its place is not opened:
    // a pipe would be waited for, a link followed.
    writeUnlessThere(this.results, '');
  }

  /**
   * Whole or not at all. A run that waits has its command from nowhere else, so it must survive a power cut; what starts at once
   * (`waits` false) ends with the power, and the store has its record.
   */
  writeLaunch(item: Launch, waits = true): void {
    const file = join(this.path, 'run.json');
    const text = JSON.stringify(item, null, 2);
    // One that starts at once has none yet: written in one go, it is there or not, whenever the agent is killed.
    if (!waits && writeUnlessThere(file, text)) return;
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: waits });
    renameSync(`${file}.new`, file);
  }

  /** The record as it ended, so that an index made anew knows why. Of an end in good order exit.json and results tell the same. */
  writeEnd(ended: Run): void {
    const { exitCode, outcomeReason, adopted, outputDropped } = ended;
    const told = exitCode === 0 && outcomeReason === null && !adopted && (outputDropped ?? 0) === 0;
    if (told && existsSync(this.exit)) return;
    writeFileSync(join(this.path, 'end.json'), JSON.stringify(ended), { mode: 0o600 });
  }

  writeStop(order: StopOrder): void {
    writeFileSync(join(this.path, 'stop.json'), JSON.stringify(order), { mode: 0o600 });
  }

  readStop(): StopOrder | null {
    const text = readIfThere(join(this.path, 'stop.json'));
    return text === null ? null : (stopOrder.safeParse(parseJson(text)).data ?? null);
  }

  /** False when the command can not have begun: its wrapper writes the pid before. */
  mayHaveStarted(): boolean {
    return existsSync(join(this.path, 'pid')) || existsSync(this.exit);
  }

  /** Null when there is none, or none that can be read. */
  readLaunch(): Launch | null {
    const text = readIfThere(join(this.path, 'run.json'));
    if (text === null) return null;
    const parsed = launch.safeParse(parseJson(text));
    return parsed.success ? parsed.data : null;
  }

  /** Process id of the wrapper, which leads the group; null before it has started. */
  readPid(): number | null {
    const pid = Number(readIfThere(join(this.path, 'pid')) ?? Number.NaN);
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  }

  readExit(): ExitRecord | null {
    const text = readIfThere(this.exit);
    if (text === null) return null;
    const parsed = z.object({ code: z.int() }).safeParse(parseJson(text));
    return parsed.success ? { code: parsed.data.code, at: Math.round(statSync(this.exit).mtimeMs) } : null;
  }
}

/** One call where the folder of the day is there already, as it nearly always is. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') mkdirSync(path, { recursive: true, mode: 0o700 });
    else if (code !== 'EEXIST') throw error;
  }
}

/** False when something is there already. */
function writeUnlessThere(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // Half of it, on a full disk.
    rmSync(file, { force: true });
    throw error;
  }
}

/** Null also for a link, folder, pipe or socket (ENXIO) in its place: the run may have put it there, and nothing else would ever come of it. */
function readIfThere(file: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, readingPlainly);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return null;
    throw error;
  }
  try {
    return fstatSync(descriptor).isFile() ? readFileSync(descriptor, 'utf8') : null;
  } finally {
    closeSync(descriptor);
  }
}
