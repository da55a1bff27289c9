/**
 * The directory of a run, `runs/<yyyy-mm-dd>/<runId>/`: what survives everything.
 * `run.json` what, why, who, when · `output.log` the child's stdout and stderr · `results.ndjson` findings and progress ·
 * `pid` of the wrapper · `exit.json` written by the wrapper when the child has ended; its modification time is the end.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { run } from '../protocol/nouns.ts';

const runIdPattern = /^(\d{4})(\d{2})(\d{2})T\d{6}-[0-9a-f]{8}$/;

/** `20240131T030000-1a2b3c4d`: sorts by time, and names its own folder. */
export function newRunId(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}`;
}

/** What the agent must know to take over a run that another agent started. */
export const launch = z.object({
  run,
  command: z.array(z.string()).min(1),
  /** Milliseconds since the epoch, null = no time-out. */
  deadline: z.number().nullable(),
  alertOn: z.enum(['nothing', 'failure', 'warning']),
});
export type Launch = z.infer<typeof launch>;

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
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    // Both are there from the start: whoever follows the run may come before its first byte.
    for (const file of [this.results, this.output]) writeFileSync(file, '', { mode: 0o600, flag: 'a' });
  }

  writeLaunch(item: Launch): void {
    writeFileSync(join(this.path, 'run.json'), JSON.stringify(item, null, 2), { mode: 0o600, flush: true });
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

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
