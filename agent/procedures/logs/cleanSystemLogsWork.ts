/** The work of `clean-system-logs`. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import * as z from 'zod';
import { formatBytes, formatDuration, parseDuration } from '../../config/units.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { counted } from '../counted.ts';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { sizeOf } from './cleanSystemLogs.ts';
import type { CleanSystemLogsOptions } from './cleanSystemLogs.ts';
import { beyondLimits, journalFiles } from './journalFiles.ts';
import type { JournalFile } from './journalFiles.ts';
import { findLeftovers, removeLeftover } from './leftovers.ts';

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

const aptCache = '/var/cache/apt/archives';

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
    const limit = `${formatDuration(keep)} and ${formatBytes(most)}`;
    const due = beyondLimits(before, new Date(this.#context.now().getTime() - keep), most);
    if (this.#context.dryRun) {
      for (const file of due) this.#note('journal', file, 'planned');
      this.#say(
        due.length === 0 ? 'ok' : 'info',
        'logs.journal',
        subject,
        `The journal has ${formatBytes(total(before))}; ${counted(due.length, 'archived file')} (${formatBytes(total(due))}) would be removed to keep ${limit}.`,
      );
      this.part.journal = { before: total(before), after: total(before) - total(due) };
      return;
    }
    if (!(await this.#vacuum(settings.directory, keep, most))) return;
    const after = await journalFiles(settings.directory);
    const left = new Set(after.map((file) => file.path));
    const gone = before.filter((file) => !left.has(file.path));
    for (const file of gone) this.#note('journal', file, 'removed');
    this.part.journal = { before: total(before), after: total(after) };
    const amount = `${formatBytes(total(after))} (before: ${formatBytes(total(before))}), ${counted(gone.length, 'archived file')} ${gone.length === 1 ? 'was' : 'were'} removed`;
    if (total(after) <= most) this.#say('ok', 'logs.journal', subject, `The journal has ${amount}.`);
    else
      this.#say(
        'warning',
        'logs.journal',
        subject,
        `The journal still has ${amount}: the rest is in files that journald writes now; limit it by SystemMaxUse= in journald.conf, or run "journalctl --rotate" first.`,
      );
  }

  /** False, after a finding, when journalctl is not there or fails. */
  async #vacuum(directory: string | undefined, keep: number, most: number): Promise<boolean> {
    const place = directory === undefined ? [] : [`--directory=${directory}`];
    const limits = [`--vacuum-time=${Math.max(1, Math.round(keep / 1000))}s`, `--vacuum-size=${most}`];
    return await this.#tool('journalctl', [...place, ...limits, '--quiet'], 'systemd', 'logs.journal');
  }

  async apt(): Promise<void> {
    const before = await packagesIn(aptCache);
    const bytes = before.reduce((sum, file) => sum + file.bytes, 0);
    if (this.#context.dryRun) {
      for (const file of before) this.#note('apt', file, 'planned');
      this.#say(
        'info',
        'logs.apt',
        aptCache,
        `apt-get clean would remove ${before.length} packages (${formatBytes(bytes)}).`,
      );
      return;
    }
    if (!(await this.#tool('apt-get', ['clean'], 'apt', 'logs.apt'))) return;
    const left = new Set((await packagesIn(aptCache)).map((file) => file.path));
    for (const file of before) this.#note('apt', file, left.has(file.path) ? 'kept' : 'removed');
    this.#say(
      left.size === 0 ? 'ok' : 'warning',
      'logs.apt',
      aptCache,
      `${before.length - left.size} of ${before.length} downloaded packages (${formatBytes(bytes)}) were removed.`,
    );
  }

  async files(): Promise<void> {
    for (const { paths, min_age } of this.#context.config.logs.cleanup.files) {
      const { baseDirectory } = this.#context.config;
      const patterns = paths.map((pattern) => path.resolve(baseDirectory, pattern));
      const { due, refused } = await findLeftovers(patterns, new Date(this.#context.now().getTime() - min_age));
      for (const { path: file, reason } of refused) {
        this.part.removed.push({ what: 'file', path: file, action: 'kept', bytes: 0, reason });
        this.#say('warning', 'logs.cleanup', file, `${file} was left where it is: ${reason}.`);
      }
      for (const leftover of due) {
        this.#context.signal.throwIfAborted();
        const gone = this.#context.dryRun || (await removeLeftover(leftover).catch(() => false));
        this.#note('file', leftover, this.#context.dryRun ? 'planned' : gone ? 'removed' : 'kept');
        if (this.#context.dryRun) this.#context.print(`${leftover.path} (${formatBytes(leftover.bytes)})`);
        else if (!gone)
          this.#say(
            'warning',
            'logs.cleanup',
            leftover.path,
            `${leftover.path} could not be removed, or is another file by now.`,
          );
      }
      const what = this.#context.dryRun ? 'would be' : 'were';
      this.#say(
        'ok',
        'logs.cleanup',
        paths.join(', '),
        `${due.length} old files (${formatBytes(due.reduce((sum, file) => sum + file.bytes, 0))}) ${what} removed.`,
      );
    }
  }

  async #tool(program: string, args: readonly string[], debianPackage: string, code: string): Promise<boolean> {
    const { env, signal } = this.#context;
    const result = await execa(program, args, {
      env: { ...env, LC_ALL: 'C' },
      ...{ reject: false, all: true, stdin: 'ignore', cancelSignal: signal, timeout: 600_000, extendEnv: false },
    });
    signal.throwIfAborted();
    if (typeof result.all === 'string' && result.all.trim() !== '') this.#context.print(result.all.trim());
    if (result.exitCode === 0) return true;
    const missing = result.code === 'ENOENT';
    const message = missing
      ? `${program} is not installed; install the package \`${debianPackage}\` (apt-get install ${debianPackage}).`
      : `${program} failed (${result.shortMessage ?? 'unknown reason'}); what it printed is in the output.`;
    this.#say('critical', code, program, message);
    return false;
  }

  #note(
    what: 'journal' | 'apt' | 'file',
    file: { path: string; bytes: number },
    action: 'removed' | 'planned' | 'kept',
  ): void {
    this.part.removed.push({ what, path: file.path, action, bytes: file.bytes, reason: null });
  }

  #say(level: Finding['level'], code: string, subject: string, message: string): void {
    this.#context.finding({ level, code, subject, message });
  }
}

function total(files: readonly Pick<JournalFile, 'bytes'>[]): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}

async function packagesIn(folder: string): Promise<readonly { path: string; bytes: number }[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.deb'));
  return await Promise.all(
    names.map(async (name) => ({ path: path.join(folder, name), bytes: (await lstat(path.join(folder, name))).size })),
  );
}
