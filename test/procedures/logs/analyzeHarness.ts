/** A folder with logs, and analyze-logs run on it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type * as z from 'zod';
import type { logSettings } from '../../../agent/config/logs.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import { part } from '../../../agent/procedures/logs/analysis/part.ts';
import type { Log, Part } from '../../../agent/procedures/logs/analysis/part.ts';
import { analyzeLogs } from '../../../agent/procedures/logs/analyzeLogs.ts';
import type { Finding, Progress } from '../../../agent/protocol/nouns.ts';
import { configuration, only } from './harness.ts';

export interface Analyzed {
  readonly outcome: string;
  readonly part: Part;
  readonly findings: readonly Finding[];
  readonly lines: readonly string[];
  readonly progress: readonly Progress[];
}

export interface Setting {
  readonly now?: Date;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly logs?: z.input<typeof logSettings>;
  readonly mask?: (text: string) => string;
}

export class AnalyzeHarness {
  readonly root: string;
  readonly memory: string;

  private constructor(root: string) {
    this.root = root;
    this.memory = path.join(root, 'memory');
  }

  static async create(): Promise<AnalyzeHarness> {
    const harness = new AnalyzeHarness(await mkdtemp(path.join(tmpdir(), 'upkeep-analyze-')));
    await mkdir(harness.memory, { mode: 0o700 });
    return harness;
  }

  file(name: string): string {
    return path.join(this.root, name);
  }

  async write(name: string, content: string | Uint8Array | readonly string[]): Promise<string> {
    const file = this.file(name);
    await mkdir(path.dirname(file), { recursive: true });
    const isText = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(file, isText ? content : `${content.join('\n')}\n`);
    return file;
  }

  async run(options: Record<string, unknown>, setting: Setting = {}): Promise<Analyzed> {
    const findings: Finding[] = [];
    const lines: string[] = [];
    const progress: Progress[] = [];
    const context: ProcedureContext = {
      config: configuration(setting.logs ?? {}, this.root),
      dryRun: setting.dryRun ?? false,
      signal: setting.signal ?? new AbortController().signal,
      env: process.env,
      memoryDirectory: this.memory,
      now: () => setting.now ?? new Date('2024-03-02T00:00:00Z'),
      finding: (finding) => findings.push(finding),
      progress: (one) => progress.push(one),
      print: (line) => lines.push(line),
      ...(setting.mask === undefined ? {} : { mask: setting.mask }),
    };
    const result = await analyzeLogs.execute(options, context);
    return { outcome: result.outcome, part: part.parse(result.part), findings, lines, progress };
  }

  /** The one log of one file. */
  async log(file: string, options: Record<string, unknown> = {}, setting: Setting = {}): Promise<Log> {
    return only((await this.run({ file: [file], ...options }, setting)).part.files);
  }

  async report(analyzed: Analyzed): Promise<string> {
    return await readFile(analyzed.part.reportFile ?? '', 'utf8');
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Level, count and template of each group. */
export function groupLines({ groups }: Log): readonly string[] {
  return groups.map(({ level, count, template }) => `${level} ${count} ${template}`);
}
