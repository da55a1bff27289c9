/** The work of `clean-system-logs`. */
import path from 'node:path';
import * as z from 'zod';
import { formatBytes, formatDuration, parseDuration } from '../../config/units.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { messageOf } from '../../thrown.ts';
import { counted } from '../counted.ts';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { totalBytes } from '../totalBytes.ts';
import { cachedFiles } from './aptCache.ts';
import { sizeOf } from './cleanSystemLogs.ts';
import type { CleanSystemLogsOptions } from './cleanSystemLogs.ts';
import { beyondLimits, journalFiles } from './journalFiles.ts';
import type { JournalFile } from './journalFiles.ts';
import { findLeftovers, removeLeftover } from './leftovers.ts';
import type { Leftover } from './leftovers.ts';
import { pipedTool } from './pipedTool.ts';
import { tmpfilesRules } from './tmpfilesRules.ts';

const cleaned = z.object({
  what: z.enum(['journal', 'apt', 'file']),
  path: z.string(),
  /** `planned` only with --dry-run. */
  action: z.enum(['removed', 'planned', 'kept']),
  bytes: z.number(),
  reason: z.string().nullable(),
});
export const part = z.object({
  removed: z.array(cleaned),
  journal: z.object({ before: z.number(), after: z.number() }).nullable(),
});
export type CleanSystemLogsPart = z.infer<typeof part>;
type Cleaned = CleanSystemLogsPart['removed'][number];

export async function run(
  options: CleanSystemLogsOptions,
  given: ProcedureContext,
): Promise<ProcedureResult<CleanSystemLogsPart>> {
  const { context, findings } = remembering(given);
  const cleaning = new Cleaning(context);
  await cleaning.journal(options);
  if (context.config.logs.cleanup.apt) await cleaning.apt();
  await cleaning.files();
  const changed = cleaning.part.removed.some(({ action }) => action === 'removed');
  const failed = findings.some(({ level }) => level === 'critical');
  return { outcome: failed ? 'failed' : outcomeOf(findings, changed ? 'changed' : 'unchanged'), part: cleaning.part };
}

class Cleaning {
  readonly part: CleanSystemLogsPart = { removed: [], journal: null };
  readonly #context: ProcedureContext;

  constructor(context: ProcedureContext) {
    this.#context = context;
  }

  async journal(options: CleanSystemLogsOptions): Promise<void> {
    const settings = this.#context.config.logs.journal;
    const keep = options.keep === undefined ? settings.keep : (parseDuration(options.keep) ?? settings.keep);
    const most = options.maxSize === undefined ? settings.max_size : (sizeOf(options.maxSize) ?? settings.max_size);
    const before = await journalFiles(settings.directory);
    const subject = settings.directory ?? 'journal';
    const due = beyondLimits(before, new Date(this.#context.now().getTime() - keep), most);
    if (this.#context.dryRun) {
      this.#list(
        'journal',
        due,
        ({ path: file, bytes, since }) =>
          `${file} (${formatBytes(bytes)}, its entries begin ${since.toISOString().slice(0, 16)}Z)`,
      );
      const limit = `${formatDuration(keep)} and ${formatBytes(most)}`;
      this.#say(
        due.length === 0 ? 'ok' : 'info',
        'logs.journal',
        subject,
        `The journal has ${formatBytes(totalBytes(before))}; ${counted(due.length, 'archived file')} (${formatBytes(totalBytes(due))}) would be removed to keep ${limit}.`,
      );
      this.part.journal = { before: totalBytes(before), after: totalBytes(before) - totalBytes(due) };
      return;
    }
    if (!(await this.#vacuum(settings.directory, keep, most))) return;
    const after = await journalFiles(settings.directory);
    this.#tellJournal(subject, { before, after, due, most });
  }

  #tellJournal(
    subject: string,
    journal: {
      before: readonly JournalFile[];
      after: readonly JournalFile[];
      due: readonly JournalFile[];
      most: number;
    },
  ): void {
    const { before, after, due, most } = journal;
    const left = new Set(after.map((file) => file.path));
    const gone = before.filter((file) => !left.has(file.path));
    for (const file of gone) this.#note('journal', file, 'removed');
    this.part.journal = { before: totalBytes(before), after: totalBytes(after) };
    const amount = `${formatBytes(totalBytes(after))} (before: ${formatBytes(totalBytes(before))}), ${counted(gone.length, 'archived file')} ${gone.length === 1 ? 'was' : 'were'} removed`;
    const stuck = due.filter((file) => left.has(file.path));
    for (const file of stuck) this.#note('journal', file, 'kept', 'journalctl did not remove it');
    if (stuck.length > 0)
      this.#say(
        'warning',
        'logs.journal',
        subject,
        `The journal still has ${amount}; ${counted(stuck.length, 'file')} beyond the limits (${formatBytes(totalBytes(stuck))}) could not be removed, such as ${stuck[0]?.path ?? ''}: run this as root, and look at the output.`,
      );
    else if (totalBytes(after) > most)
      this.#say(
        'warning',
        'logs.journal',
        subject,
        `The journal still has ${amount}: the rest is in files that journald writes now, or in several folders; limit it by SystemMaxUse= in journald.conf, or run "journalctl --rotate" first.`,
      );
    else this.#say('ok', 'logs.journal', subject, `The journal has ${amount}.`);
  }

  /** False, after a finding, when journalctl is not there or fails. */
  async #vacuum(directory: string | undefined, keep: number, most: number): Promise<boolean> {
    const place = directory === undefined ? [] : [`--directory=${directory}`];
    const limits = [`--vacuum-time=${Math.max(1, Math.round(keep / 1000))}s`, `--vacuum-size=${most}`];
    return (await this.#tool('journalctl', [...place, ...limits, '--quiet'], 'systemd', 'logs.journal')) !== null;
  }

  async apt(): Promise<void> {
    const plan = await this.#tool('apt-get', ['-s', 'clean'], 'apt', 'logs.apt', false);
    if (plan === null) return;
    const before = await cachedFiles(plan);
    if (this.#context.dryRun) {
      this.#list('apt', before);
      this.#say(
        before.length === 0 ? 'ok' : 'info',
        'logs.apt',
        'apt',
        `apt-get clean would remove ${counted(before.length, 'file')} (${formatBytes(totalBytes(before))}).`,
      );
      return;
    }
    // Where it fails, some of it may be done all the same.
    await this.#tool('apt-get', ['clean'], 'apt', 'logs.apt');
    const left = new Map((await cachedFiles(plan)).map((file) => [file.path, file]));
    const gone = before.filter((file) => !left.has(file.path));
    for (const file of gone) this.#note('apt', file, 'removed');
    for (const file of before) if (left.has(file.path)) this.#note('apt', file, 'kept', 'apt-get did not remove it');
    this.#say(
      gone.length === before.length ? 'ok' : 'warning',
      'logs.apt',
      'apt',
      `${gone.length} of ${counted(before.length, 'file')} of apt ${gone.length === 1 ? 'was' : 'were'} removed (${formatBytes(totalBytes(gone))} of ${formatBytes(totalBytes(before))}).`,
    );
  }

  async files(): Promise<void> {
    const { files } = this.#context.config.logs.cleanup;
    if (files.length === 0) return;
    const rules = await tmpfilesRules(this.#context);
    for (const { paths, min_age } of files) {
      const { baseDirectory } = this.#context.config;
      const patterns = paths.map((pattern) => path.resolve(baseDirectory, pattern));
      const { due, refused } = await findLeftovers(patterns, new Date(this.#context.now().getTime() - min_age), rules);
      for (const { path: file, reason } of refused) {
        this.#note('file', { path: file, bytes: 0 }, 'kept', reason);
        this.#say('warning', 'logs.cleanup', file, `${file} was left where it is: ${reason}.`);
      }
      await this.#remove(paths.join(', '), due);
    }
  }

  async #remove(subject: string, due: readonly Leftover[]): Promise<void> {
    if (this.#context.dryRun) {
      this.#list('file', due);
      this.#say(
        due.length === 0 ? 'ok' : 'info',
        'logs.cleanup',
        subject,
        `${counted(due.length, 'old file')} (${formatBytes(totalBytes(due))}) would be removed.`,
      );
      return;
    }
    const gone: Leftover[] = [];
    for (const leftover of due) {
      this.#context.signal.throwIfAborted();
      const problem = await removeLeftover(leftover).then(
        (removed) => (removed ? null : 'it is another file by now'),
        messageOf,
      );
      if (problem === null) {
        gone.push(leftover);
        this.#note('file', leftover, 'removed');
        continue;
      }
      this.#note('file', leftover, 'kept', problem);
      this.#say('warning', 'logs.cleanup', leftover.path, `${leftover.path} could not be removed: ${problem}.`);
    }
    this.#say(
      'ok',
      'logs.cleanup',
      subject,
      `${counted(gone.length, 'old file')} (${formatBytes(totalBytes(gone))}) ${gone.length === 1 ? 'was' : 'were'} removed.`,
    );
  }

  /** What it printed; null, after a finding, when it is not there or fails. */
  async #tool(
    program: string,
    args: readonly string[],
    debianPackage: string,
    code: string,
    show = true,
  ): Promise<readonly string[] | null> {
    const { exitCode, lines, missing, reason } = await pipedTool(this.#context, program, args);
    if (show || exitCode !== 0) for (const line of lines) this.#context.print(line);
    if (exitCode === 0) return lines;
    const locked = lines.find((line) => line.includes('Could not get lock'));
    if (missing)
      this.#say(
        'critical',
        code,
        program,
        `${program} is not installed; install the package \`${debianPackage}\` (apt-get install ${debianPackage}).`,
      );
    else if (locked !== undefined)
      this.#say(
        'warning',
        code,
        program,
        `${program} could not do all of it, for another one is at work now (${locked.replace(/^E: /, '')}); run this again when it has ended.`,
      );
    else this.#say('critical', code, program, `${program} failed (${lines.at(-1) ?? reason}).`);
    return null;
  }

  #list<File extends { readonly path: string; readonly bytes: number }>(
    what: Cleaned['what'],
    files: readonly File[],
    text: (file: File) => string = ({ path: file, bytes }) => `${file} (${formatBytes(bytes)})`,
  ): void {
    for (const file of files) {
      this.#note(what, file, 'planned');
      this.#context.print(text(file));
    }
  }

  #note(
    what: Cleaned['what'],
    file: { readonly path: string; readonly bytes: number },
    action: Cleaned['action'],
    reason: string | null = null,
  ): void {
    this.part.removed.push({ what, path: file.path, action, bytes: file.bytes, reason });
  }

  #say(level: Finding['level'], code: string, subject: string, message: string): void {
    this.#context.finding({ level, code, subject, message });
  }
}
