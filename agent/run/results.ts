/** results.ndjson: one JSON object a line, `{"type":"finding"|"progress"|"result", …}`, appended by procedures and scripts. */
import { closeSync, existsSync, openSync, readSync, watch, type FSWatcher } from 'node:fs';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { readingPlainly } from './directory.ts';
import { finding, outcome, progress, type Finding, type Progress } from '../protocol/nouns.ts';
import { Secrets } from '../secrets/secrets.ts';

const line = z.discriminatedUnion('type', [
  finding.extend({ type: z.literal('finding') }),
  progress.extend({ type: z.literal('progress') }),
  z.object({
    type: z.literal('result'),
    outcome: outcome.extract(['changed', 'unchanged', 'warning', 'failed']),
    part: z.record(z.string(), z.unknown()),
  }),
]);
export type ResultLine = z.infer<typeof line>;
export type ProcedureEnd = Extract<ResultLine, { type: 'result' }>;

const longestLine = 4 * 1024 * 1024;

/** Reads a results file as it grows, masked. A line that is not ours is counted, not obeyed. */
export class ResultsReader {
  readonly #file: string;
  readonly #onFinding: (item: Finding) => void;
  readonly #onProgress: (item: Progress) => void;
  readonly #secrets: Secrets;
  #offset = 0;
  #rest = Buffer.alloc(0);
  #watcher: FSWatcher | null = null;
  #end: ProcedureEnd | null = null;
  #refused = 0;

  constructor(
    file: string,
    on: { readonly finding: (item: Finding) => void; readonly progress: (item: Progress) => void },
    secrets = new Secrets(),
  ) {
    this.#file = file;
    this.#onFinding = on.finding;
    this.#onProgress = on.progress;
    this.#secrets = secrets;
  }

  /** The procedure's own end, once it was read. */
  get end(): ProcedureEnd | null {
    return this.#end;
  }
  /** Lines that could not be understood. */
  get refused(): number {
    return this.#refused;
  }

  /** What no watch can be had for (EMFILE, ENOSPC) is read at the end. */
  follow(): void {
    try {
      this.#watcher = watch(this.#file, { persistent: false }, () => {
        this.#readQuietly();
      });
    } catch {
      return;
    }
    this.#watcher.on('error', () => {
      this.stop();
    });
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  /** As `read`, for a run whose directory may be gone by retention. */
  readIfThere(): void {
    if (existsSync(this.#file)) this.read();
  }

  /** Reads what has come since the last call. */
  read(): void {
    const descriptor = openSync(this.#file, readingPlainly);
    try {
      const buffer = Buffer.alloc(64 * 1024);
      for (;;) {
        const count = readSync(descriptor, buffer, 0, buffer.length, this.#offset);
        if (count === 0) return;
        this.#offset += count;
        this.#take(buffer.subarray(0, count));
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /** While the run goes on a failure to read is no harm: the last reading, at its end, has it all. */
  #readQuietly(): void {
    try {
      this.read();
    } catch {
      this.stop();
    }
  }

  #take(bytes: Buffer): void {
    let data = Buffer.concat([this.#rest, bytes]);
    for (let at = data.indexOf(10); at !== -1; at = data.indexOf(10)) {
      this.#line(data.subarray(0, at).toString('utf8'));
      data = data.subarray(at + 1);
    }
    if (data.length > longestLine) {
      this.#refused += 1;
      data = Buffer.alloc(0);
    }
    this.#rest = Buffer.from(data);
  }

  #line(text: string): void {
    if (text.trim() === '') return;
    const parsed = line.safeParse(parseJson(text));
    if (!parsed.success) {
      this.#refused += 1;
      return;
    }
    const { type, ...rest } = parsed.data;
    const secrets = this.#secrets;
    if (type === 'finding') {
      const item = finding.parse(rest);
      this.#onFinding({ ...secrets.deep(item), level: item.level });
    } else if (type === 'progress') this.#onProgress(secrets.deep(progress.parse(rest)));
    else this.#end = { ...parsed.data, part: secrets.deep(parsed.data.part) };
  }
}
