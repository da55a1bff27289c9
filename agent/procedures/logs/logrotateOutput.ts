/**
 * Reads what `logrotate -v` and `logrotate -d` print (English, LC_ALL=C; tried with 3.18 to 3.22). It is the only source
 * that knows the effect of any configuration, includes and global options included.
 */
import { dirname } from 'node:path';

export type Decision = 'due' | 'not_due' | 'empty' | 'missing' | 'refused';
export type Compression = 'none' | 'immediate' | 'delayed';
/** Scripts that follow a rotation. */
export type LateScript = 'postrotate' | 'lastaction';

export interface LogReport {
  readonly path: string;
  /** The files of its block as logrotate hands them to shared scripts; null unless the run is forced. */
  readonly pattern: string | null;
  decision: Decision;
  /** logrotate's own words for the decision. */
  reason: string;
  /** Generation that takes the content first (`app.log.1`), before any compression. */
  target: string | null;
  /** True when the content is copied and the log then emptied (copytruncate). */
  copies: boolean;
  /** True when it came to the emptying. */
  empties: boolean;
  creates: boolean;
  /** With which the new file is made, its mode as of chmod(2); null where it does not say. */
  rights: { readonly mode: number; readonly uid: number; readonly gid: number } | null;
  compression: Compression;
  /** Name of the program that compresses (`gzip`, `zstd`); null where logrotate did not come to name it. */
  compressor: string | null;
  /** What it looks for when it removes dated generations: `-[0-9][0-9]…`; null while the log is not due. */
  dateGlob: string | null;
  /** Generations that are kept; null while the log is not due. */
  keep: number | null;
  /** Number of the newest generation (`start`, by default 1). */
  start: number;
  /** Every rename in the order in which logrotate does it; what it tried and did not find is left out. */
  readonly renames: { readonly from: string; readonly to: string }[];
  readonly removed: ReadonlySet<string>;
  /** Those that it began after this log had got its new name. `ended`: it went on to something else. */
  readonly scripts: Map<LateScript, 'begun' | 'ended'>;
  /** Whom logrotate works as (`su`); null = as whoever started it. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  readonly errors: string[];
}

export interface LogrotateReport {
  /** Errors of the configuration itself, each with file and line where logrotate knows them. */
  readonly configErrors: readonly string[];
  /** Errors that belong to no log: a script that failed, the state file. */
  readonly errors: readonly string[];
  readonly logs: ReadonlyMap<string, LogReport>;
}

export function parseOutput(lines: readonly string[], ownUid = process.geteuid?.() ?? -1): LogrotateReport {
  const reader = new Reader(ownUid);
  for (const line of lines) reader.read(line);
  return { configErrors: reader.configErrors, errors: reader.errors, logs: reader.logs };
}

/** What people want to know of its words: what it did, said by it and by the scripts; not what it considered and did not find. */
export function tellable(lines: readonly string[]): readonly string[] {
  const inside =
    /^(?:Handling \d|(?:olddir is|empty log files are|only log files|old logs are) |considering log |rotating log .*, log->rotateCount is -?\d+$|Creating new state| {2}(?:Now: |Last rotated at|log (?:needs|does not need) rotating)|dateext suffix|glob pattern|previous log .* does not exist$|log .* doesn't exist -- won't try|No logs found|set default create context|compressing log with: )/;
  // Before this it tells how it reads its configuration; errors are findings too.
  const start = lines.findIndex((line) => line.startsWith('Handling '));
  return lines.filter((line, index) => {
    if (line.trim() === '' || inside.test(line)) return false;
    if (index < start) return line.startsWith('error: ');
    if (line.startsWith('old log ') && line.endsWith(' does not exist')) return false;
    return !(line.startsWith('renaming ') && lines[index + 1]?.startsWith('old log ') === true);
  });
}

interface RunningScript {
  readonly kind: LateScript;
  readonly logs: readonly LogReport[];
}

/** What logrotate says after a script. That it changes its user may also be said by the process that becomes the script. */
const afterScript =
  /^(?:error: error running |compressing log with: |removing old log |log .* doesn't exist -- won't try|(?:not )?running |rotating |considering log |renaming |copying |creating new )/;

class Reader {
  readonly configErrors: string[] = [];
  readonly errors: string[] = [];
  readonly logs = new Map<string, LogReport>();
  readonly #ownUid: number;
  #handling = false;
  #user: LogReport['user'] = null;
  /** Logs that got their new name since the last word about compression, which names none of them. */
  #moved: LogReport[] = [];
  #pattern: string | null = null;
  /** Of the pattern at hand: logs that got their new name, in all and since the last `postrotate`. */
  #rotated: LogReport[] = [];
  #untold: LogReport[] = [];
  /** The script that it began last, until it does something else; what stands in between may be the script's own words. */
  #running: RunningScript | null = null;
  /** Of the pattern at hand: with shared scripts logrotate removes when all of them are renamed. */
  #removed = new Set<string>();
  #current: LogReport | null = null;
  /** `compressing log FILE`, when the next line is what the program said about it. */
  #compressing: string | null = null;
  /** A rename within the chain of numbers, of which the next line may say that there was nothing to rename. */
  #tried: string | null = null;

  constructor(ownUid: number) {
    this.#ownUid = ownUid;
  }

  read(line: string): void {
    if (this.#running !== null && afterScript.test(line)) this.#script(this.#running, 'ended');
    const compressing = this.#compressing;
    if (compressing !== null && line.trim() === '') return;
    this.#compressing = null;
    if (/^Handling \d+ logs/.test(line)) this.#handling = true;
    else if (line.startsWith('error: ')) {
      const message = line.slice('error: '.length).trim();
      this.#compressing =
        /^Compressing program wrote following message to stderr when (.+):$/.exec(message)?.[1] ?? null;
      if (this.#compressing === null) this.#error(message);
    } else if (compressing !== null) this.#error(`${compressing}: ${line.trim()}`);
    else if (this.#handling) this.#step(line);
  }

  #step(line: string): void {
    if (this.#tried !== null) {
      const nothing = line.startsWith('old log ') && line.endsWith(' does not exist');
      if (!nothing && this.#current !== null) this.#act(this.#tried);
      this.#tried = null;
      if (nothing) return;
    }
    if (line.startsWith('renaming ')) {
      // Most lines are of this kind: fourteen for each log.
      if (line.endsWith('), ')) this.#tried = line;
      else if (this.#current !== null) this.#act(line);
    } else if (line.startsWith('  ')) this.#judge(line);
    else this.#begin(line);
  }

  #judge(line: string): void {
    const skipped = /^ {2}(log .+ -- skipping)\.?$/.exec(line);
    const notDue = /^ {2}log does not need rotating(?: \((.+)\))?/.exec(line);
    if (skipped !== null) {
      this.#decide(line.includes(' does not exist -- skipping') ? 'missing' : 'refused', skipped[1] ?? '');
    } else if (notDue !== null) {
      const reason = notDue[1] ?? 'not due';
      this.#decide(reason === 'log is empty' ? 'empty' : 'not_due', reason);
    } else if (line === '  log needs rotating') this.#decide('due', 'due');
  }

  #begin(line: string): void {
    const user = /^switching euid from \d+ to (\d+) and egid from \d+ to (\d+)/.exec(line);
    const rotating = /^rotating log (.+), log->rotateCount is (-?\d+)$/.exec(line);
    if (user !== null) {
      const uid = Number(user[1]);
      this.#user = uid === this.#ownUid ? null : { uid, gid: Number(user[2]) };
    } else if (line.startsWith('rotating pattern: ')) {
      this.#pattern = /^rotating pattern: (.*) forced from command line /.exec(line)?.[1] ?? null;
      this.#moved = [];
      this.#rotated = [];
      this.#untold = [];
      this.#removed = new Set();
    } else if (line === 'running postrotate script') {
      this.#script({ kind: 'postrotate', logs: this.#untold.splice(0) }, 'begun');
    } else if (line === 'running last action script') {
      this.#script({ kind: 'lastaction', logs: [...this.#rotated] }, 'begun');
    } else if (line.startsWith('considering log ')) this.#consider(line.slice('considering log '.length));
    else if (rotating !== null) {
      this.#current = this.logs.get(rotating[1] ?? '') ?? this.#current;
      if (this.#current !== null) this.#current.keep = Number(rotating[2]);
    } else if (this.#current !== null) this.#act(line);
  }

  #act(line: string): void {
    const log = this.#current;
    if (log === null) return;
    const rename = /^renaming (.+) to (.+?)(?: \(rotatecount -?\d+, logstart (\d+), i -?\d+\), ?)?$/.exec(line);
    const copy = /^copying (.+) to (.+)$/.exec(line);
    const emptied = /^truncating (.+)$/.exec(line)?.[1];
    const create = /^creating new (.+) mode = (?:(0[0-7]+) uid = (\d+) gid = (\d+)$)?/.exec(line);
    const remove = /^(?:removing old log|Using shred to remove the file) (.+)$/.exec(line);
    const dateGlob = /^glob pattern '(.*)'$/.exec(line)?.[1];
    const compressor = /^compressing log with: .*?([^/]+)$/.exec(line)?.[1];
    if (rename !== null) {
      this.#move(rename[1] ?? '', rename[2] ?? '');
      const start = rename[3];
      if (start !== undefined) log.start = Number(start);
    } else if (copy !== null) {
      const copied = this.logs.get(copy[1] ?? '') ?? log;
      copied.copies = true;
      copied.target = copy[2] ?? null;
      this.#rotatedNow(copied);
      this.#current = copied;
    } else if (emptied !== undefined) (this.logs.get(emptied) ?? log).empties = true;
    else if (create !== null) {
      const created = this.logs.get(create[1] ?? '') ?? log;
      created.creates = true;
      const mode = Number.parseInt(create[2] ?? '', 8);
      if (!Number.isNaN(mode)) created.rights = { mode, uid: Number(create[3]), gid: Number(create[4]) };
    } else if (remove !== null) this.#removed.add(remove[1] ?? '');
    else if (dateGlob !== undefined) log.dateGlob = dateGlob;
    else if (line.startsWith('previous log ')) log.compression = 'delayed';
    else if (compressor !== undefined) {
      // Before its own rename a log's predecessor is compressed (delaycompress), after it the content just rotated.
      const delayed = log.target === null;
      for (const one of delayed ? [log] : this.#moved) {
        one.compression = delayed ? 'delayed' : 'immediate';
        one.compressor = compressor;
      }
      this.#moved = [];
    }
  }

  #move(from: string, to: string): void {
    const log = this.logs.get(from);
    if (log !== undefined) {
      log.target = to;
      this.#rotatedNow(log);
      this.#current = log;
    }
    (log ?? this.#current)?.renames.push({ from, to });
  }

  #script(script: RunningScript, state: 'begun' | 'ended'): void {
    for (const log of script.logs) log.scripts.set(script.kind, state);
    this.#running = state === 'begun' ? script : null;
  }

  #rotatedNow(log: LogReport): void {
    for (const list of [this.#moved, this.#rotated, this.#untold]) list.push(log);
  }

  #consider(path: string): void {
    const log: LogReport = {
      path,
      pattern: this.#pattern,
      decision: 'not_due',
      reason: '',
      target: null,
      copies: false,
      empties: false,
      creates: false,
      rights: null,
      compression: 'none',
      compressor: null,
      dateGlob: null,
      keep: null,
      start: 1,
      renames: [],
      removed: this.#removed,
      scripts: new Map(),
      user: this.#user,
      errors: [],
    };
    // A log that two patterns name is handled by the first.
    if (!this.logs.has(path)) this.logs.set(path, log);
    this.#current = this.logs.get(path) ?? log;
  }

  #decide(decision: Decision, reason: string): void {
    if (this.#current === null) return;
    this.#current.decision = decision;
    this.#current.reason = reason;
  }

  #error(message: string): void {
    if (!this.#handling) {
      this.configErrors.push(message);
      return;
    }
    const named = [...this.logs.values()]
      .filter((log) => message.includes(log.path))
      .sort((a, b) => b.path.length - a.path.length)[0];
    this.#blame(named ?? this.#withoutFolder(message), message);
  }

  /** The log at hand, when the folder is missing in which it should be. */
  #withoutFolder(message: string): LogReport | undefined {
    const folder = /^stat of (.+) failed: No such file or directory$/.exec(message)?.[1];
    const current = this.#current;
    return current?.reason === '' && dirname(current.path) === folder ? current : undefined;
  }

  #blame(named: LogReport | undefined, message: string): void {
    if (named === undefined) {
      this.errors.push(message);
      return;
    }
    named.errors.push(message);
    if (message.startsWith('stat of ') && message.endsWith('No such file or directory')) named.decision = 'missing';
    else if (message.startsWith('skipping ')) named.decision = 'refused';
    named.reason = message;
  }
}
