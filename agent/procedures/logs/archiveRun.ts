/** One run of archive-logs: recovery, survey, archives, retention. */
import { stat } from 'node:fs/promises';
import { formatBytes } from '../../config/units.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { counted } from '../counted.ts';
import type { ProcedureContext } from '../define.ts';
import { totalBytes } from '../totalBytes.ts';
import { alone, deleteOld, madeAt, makeArchive, NotMade, openFolder, recover } from './archiveFolder.ts';
import type { Finished, Recovered } from './archiveFolder.ts';
import type { ArchiveLogsPart } from './archiveLogsWork.ts';
import type { ArchiveSettings } from './archiveSettings.ts';
import { expectedBytes } from './archiveRoom.ts';
import { inUse, survey } from './archiveSources.ts';
import type { DueSource, Survey } from './archiveSources.ts';
import { freeBytes, SourceProblem } from './archiveContent.ts';
import { NoRoom } from './ownFiles.ts';
import { NotAsWritten } from './archiveWriter.ts';
import { inBackground } from './lowPriority.ts';
import { contentsOf } from './manifest.ts';
import type { ArchivePrefix, Manifest } from './manifest.ts';

const dayMs = 86_400_000;
/** Originals of one archive at most: what a crash makes one do again, and the space that is needed at once, stay bounded. */
const batchBytes = 4 * 2 ** 30;
const batchFiles = 10_000;

export interface ArchiveOutcome {
  readonly part: ArchiveLogsPart;
  readonly failed: boolean;
}

/** What else an archive gets, and what must hold before a file may go. */
export interface ArchiveKind {
  readonly prefix: ArchivePrefix;
  /** Sources of its own, made once what was interrupted is settled. */
  readonly extra: () => Promise<readonly DueSource[]>;
  /** Why a file must stay where it is; null = it may be archived. */
  readonly objection: (source: DueSource) => Promise<string | null>;
  /** Was a source of its own refused, and that said? */
  readonly refused: () => boolean;
  /** Was the file made for the archive alone, so that its removal is not worth a word? */
  readonly isCopy: (path: string) => boolean;
}

const plainLogs: ArchiveKind = {
  prefix: 'logs',
  extra: () => Promise.resolve([]),
  objection: () => Promise.resolve(null),
  refused: () => false,
  isCopy: () => false,
};

export async function archiveNow(
  settings: ArchiveSettings,
  context: ProcedureContext,
  kind: ArchiveKind = plainLogs,
): Promise<ArchiveOutcome> {
  const run = new ArchiveRun(settings, context, kind);
  if (settings.paths.length === 0 && kind === plainLogs) {
    run.say('critical', 'logs.archive', 'No log is named: give `logs.archive.paths`, or `logs.rotate`.');
    return { part: run.part, failed: true };
  }
  if (context.dryRun) {
    await run.plan();
    return { part: run.part, failed: false };
  }
  await openFolder(settings.destination);
  const failed = await inBackground(() => alone(settings.destination, () => run.work())).catch((error: unknown) => {
    if (context.signal.aborted && error === context.signal.reason) run.tellStopped();
    throw error;
  });
  return { part: run.part, failed };
}

class ArchiveRun {
  readonly part: ArchiveLogsPart = { archives: [], files: [] };
  readonly #settings: ArchiveSettings;
  readonly #context: ProcedureContext;
  readonly #kind: ArchiveKind;

  constructor(settings: ArchiveSettings, context: ProcedureContext, kind: ArchiveKind) {
    this.#kind = kind;
    this.#settings = settings;
    this.#context = context;
  }

  async plan(): Promise<void> {
    const sources = await this.#survey();
    for (const { path, bytes } of sources) this.part.files.push({ path, action: 'planned', bytes, reason: null });
    const bytes = totalBytes(sources);
    if (sources.length > 0) {
      this.part.archives.push({
        ...{ path: this.#settings.destination, action: 'planned' as const },
        ...{ files: sources.length, originalBytes: bytes, bytes: null },
      });
      const expected = await expectedBytes(sources, this.#settings.compression);
      this.say(
        'info',
        'logs.archive',
        `${counted(sources.length, 'file')} (${formatBytes(bytes)}) would be archived, in about ${formatBytes(expected)}.`,
      );
      for (const source of sources) this.#context.print(`${source.path} (${formatBytes(source.bytes)})`);
    } else if (this.#nothingLeft()) this.say('ok', 'logs.archive', 'Nothing is due for the archive.');
    await this.#planDeletions();
  }

  /** True when something failed. */
  async work(): Promise<boolean> {
    const { destination, keep, su } = this.#settings;
    const recovered = await recover(destination, this.#context.signal, su);
    this.#tellRecovered(recovered);
    const sources = await this.#survey();
    const made = await this.#archive(sources);
    if (made === 'failed') return true;
    if (made === 0 && recovered.finished.length === 0 && this.#nothingLeft())
      this.say('ok', 'logs.archive', 'Nothing was due for the archive.');
    if (keep === null) return recovered.damaged.length > 0;
    for (const path of await deleteOld(
      destination,
      this.#kind.prefix,
      new Date(this.#context.now().getTime() - keep),
    )) {
      this.part.archives.push({ path, action: 'deleted', files: 0, originalBytes: null, bytes: null });
      this.say('info', 'logs.retention', `${path} was older than configured and was deleted.`, path);
    }
    return recovered.damaged.length > 0;
  }

  tellStopped(): void {
    const made = this.part.archives.filter(({ action }) => action === 'made').length;
    const before = made === 0 ? '' : ` ${counted(made, 'archive')} made before ${made === 1 ? 'is' : 'are'} whole.`;
    this.#context.print(`stopped: originals that are in no whole archive are untouched.${before}`);
  }

  say(level: Finding['level'], code: string, message: string, subject = this.#settings.destination): void {
    this.#context.finding({ level, code, subject, message });
  }

  async #survey(): Promise<readonly DueSource[]> {
    const { paths, apart, days, byName, dateFormats, su } = this.#settings;
    const now = this.#context.now();
    const before = new Date(now.getTime() - days * dayMs);
    const found = await survey([...paths, ...apart], before, { byName, now, dateFormats, su });
    this.#tellSurvey({ ...found, empty: found.empty.filter((pattern) => paths.includes(pattern)) });
    const used = await inUse(found.due);
    const due: DueSource[] = [];
    for (const source of found.due) {
      const reason = used.get(source.path) ?? (await this.#kind.objection(source));
      if (reason === null) due.push(source);
      else this.#leave(source.path, source.bytes, 'kept', reason);
    }
    return [...(await this.#kind.extra()), ...due];
  }

  /** Several archives on another disk than their originals fill it one by one: known before the first one. */
  async #foresee(sources: readonly DueSource[]): Promise<void> {
    const { destination, compression } = this.#settings;
    const { dev } = await stat(destination, { bigint: true });
    const foreign = sources.filter(({ key }) => !key.startsWith(`${dev}:`));
    const free = await freeBytes(destination);
    if (batches(foreign).length < 2 || free >= totalBytes(foreign)) return;
    const expected = await expectedBytes(foreign, compression);
    if (free >= expected) return;
    this.say(
      'warning',
      'logs.room',
      `${destination} has ${formatBytes(free)} free, and archives of all ${counted(foreign.length, 'file')} (${formatBytes(totalBytes(foreign))}) will take about ${formatBytes(expected)}, by samples of them: it will be full before all are archived.`,
    );
  }

  /** Number of archives made. */
  async #archive(sources: readonly DueSource[]): Promise<number | 'failed'> {
    const total = totalBytes(sources);
    const begun = performance.now();
    let done = 0;
    let archives = 0;
    await this.#foresee(sources);
    for (const batch of batches(sources)) {
      let left = batch;
      while (left.length > 0) {
        const before = done;
        try {
          this.#tellFinished(
            await this.#make(left, (bytes) => {
              done += bytes;
              const etaSeconds = Math.round(((performance.now() - begun) / 1000 / done) * (total - done));
              this.#context.progress({ done, total, unit: 'bytes', etaSeconds });
            }),
            'made',
          );
          archives += 1;
          left = [];
        } catch (error) {
          done = before;
          if (error instanceof NoRoom) {
            this.say(
              'critical',
              'logs.room',
              `${error.message}; make room, or give another \`destination\`. ${archives === 0 ? 'All originals are untouched.' : 'Originals that are in no archive yet are untouched.'}`,
            );
            return 'failed';
          }
          if (error instanceof NotAsWritten) {
            this.say(
              'critical',
              'logs.archive',
              `The archive is not on the disk as it was written (${error.message}); it was removed, and all its originals are untouched. Look at the disk and the memory of this host (dmesg).`,
            );
            return 'failed';
          }
          if (error instanceof NotMade) {
            this.say(
              'critical',
              'logs.archive',
              `The archive could not be made (${error.message}). No half of it is left, and all its originals are untouched.`,
            );
            return 'failed';
          }
          if (!(error instanceof SourceProblem)) throw error;
          const { source } = error;
          this.#leave(source.path, source.bytes, 'refused', error.message);
          left = left.filter(({ path }) => path !== source.path);
        }
      }
    }
    return archives;
  }

  /** Nothing that was due had to stay. */
  #nothingLeft(): boolean {
    return this.part.files.length === 0 && !this.#kind.refused();
  }

  async #make(sources: readonly DueSource[], progress: (bytes: number) => void): Promise<Finished> {
    return await makeArchive({
      folder: this.#settings.destination,
      prefix: this.#kind.prefix,
      sources,
      settings: this.#settings,
      su: this.#settings.su,
      now: this.#context.now(),
      progress: throttled(progress),
      signal: this.#context.signal,
      inUse: () => inUse(sources),
    });
  }

  #leave(path: string, bytes: number, action: 'kept' | 'refused', reason: string): void {
    this.part.files.push({ path, action, bytes, reason });
    this.say('warning', 'logs.archive', `${path} was left where it is: ${reason}.`, path);
  }

  #tellSurvey({ empty, refused, late, future }: Survey): void {
    const [old, odd] = [late[0], future[0]];
    if (old !== undefined) {
      this.say(
        'info',
        'logs.age',
        `${counted(late.length, 'file')} old by the date in the name ${late.length === 1 ? 'was' : 'were'} written later than that and stay${late.length === 1 ? 's' : ''}; if only a restore made them look new, give --by-name: ${old}${late.length > 1 ? ' …' : ''}`,
        old,
      );
    }
    if (odd !== undefined) {
      this.say(
        'warning',
        'logs.age',
        `${counted(future.length, 'file')} ${future.length === 1 ? 'was' : 'were'} last written in the future and would never be archived; correct the time by touch(1): ${odd}${future.length > 1 ? ' …' : ''}`,
        odd,
      );
    }
    for (const pattern of empty) this.say('info', 'logs.archive', `${pattern} leads to no log.`, pattern);
    for (const { path, reason } of refused) this.#leave(path, 0, 'refused', reason);
  }

  #tellRecovered({ finished, undone, damaged }: Recovered): void {
    for (const one of finished) this.#tellFinished(one, 'finished');
    for (const path of undone) {
      this.part.archives.push({ path, action: 'undone', files: 0, originalBytes: null, bytes: null });
      this.say(
        'info',
        'logs.recovered',
        `${path} was not finished when a run was interrupted; its half was removed.`,
        path,
      );
    }
    for (const { archive, problem } of damaged) {
      this.part.archives.push({ path: archive, action: 'damaged', files: 0, originalBytes: null, bytes: null });
      this.say(
        'critical',
        'logs.damaged',
        `${archive} is damaged (${problem}); its originals are kept. Look at the disk, then remove it and its .pending.json.`,
        archive,
      );
    }
  }

  #tellFinished({ archive, manifest, kept, removed }: Finished, action: 'made' | 'finished'): void {
    const bytes = totalBytes(manifest.files);
    this.part.archives.push({
      path: archive,
      action,
      files: manifest.files.length,
      originalBytes: bytes,
      bytes: manifest.bytes,
    });
    const reasons = new Map(kept.map(({ file, reason }) => [file.path, reason]));
    for (const file of manifest.files) {
      const reason = reasons.get(file.path) ?? null;
      this.part.files.push({
        path: file.path,
        action: reason === null ? 'archived' : 'kept',
        bytes: file.bytes,
        reason,
      });
      if (reason !== null) {
        this.say(
          'warning',
          'logs.archive',
          `${file.path} is in ${archive}, and still where it was: ${reason}.`,
          file.path,
        );
      }
    }
    const how = action === 'made' ? 'holds' : 'was begun by an interrupted run, is whole, and holds';
    this.#context.finding({
      ...{ level: 'ok', code: 'logs.archive', subject: archive, value: manifest.bytes, unit: 'bytes' },
      message: `${archive} ${how} ${counted(manifest.files.length, 'file')} (${formatBytes(bytes)} in ${formatBytes(manifest.bytes)}), verified${this.#removedText(manifest, removed)}.`,
    });
  }

  #removedText({ files }: Manifest, removed: number): string {
    const copies = files.filter(({ path }) => this.#kind.isCopy(path)).length;
    const originals = Math.max(0, removed - copies);
    if (copies === files.length) return '';
    return `; ${counted(originals, 'original')} ${originals === 1 ? 'was' : 'were'} removed`;
  }

  async #planDeletions(): Promise<void> {
    const { destination, keep } = this.#settings;
    const { archives } = await contentsOf(destination).catch(() => ({ archives: [] }));
    const before = keep === null ? Number.NEGATIVE_INFINITY : this.#context.now().getTime() - keep;
    for (const name of archives) {
      if (!name.startsWith(`${this.#kind.prefix}-`) || !(madeAt(name) < before)) continue;
      this.say('info', 'logs.retention', `${name} is older than configured and would be deleted.`, name);
    }
  }
}

function batches(sources: readonly DueSource[]): readonly (readonly DueSource[])[] {
  const all: DueSource[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const source of sources) {
    let last = all.at(-1);
    if (last === undefined || bytes + source.bytes > batchBytes || last.length >= batchFiles) {
      last = [];
      all.push(last);
      bytes = 0;
    }
    last.push(source);
    bytes += source.bytes;
  }
  return all;
}

/** Passes on at most a few hundred times, however many pieces there are. */
function throttled(progress: (bytes: number) => void): (bytes: number) => void {
  const step = 16 << 20;
  let waiting = 0;
  return (bytes) => {
    waiting += bytes;
    if (waiting < step) return;
    progress(waiting);
    waiting = 0;
  };
}
