/** analyze-logs by its command line on logs of real programs, and counts of the same logs by others. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { part, type Log } from '../../agent/procedures/logs/analysis/part.ts';
import { finding } from '../../agent/protocol/nouns.ts';
import { AgentWorld } from './agentProcess.ts';

/** DESIGN.md, section 9: nothing more, nothing less. */
export const document = z.strictObject({
  procedure: z.literal('analyze-logs'),
  outcome: z.enum(['unchanged', 'warning', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  findings: z.array(finding),
  ...part.shape,
});

export interface Answer extends z.infer<typeof document> {
  readonly code: number | null;
}

export class LogWorld extends AgentWorld {
  readonly logs = join(this.folder, 'logs');

  constructor() {
    super();
    mkdirSync(this.logs);
    this.write('maintenance: {}\n');
  }

  file(name: string): string {
    return join(this.logs, name);
  }

  async analyze(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
    const { code, stdout, stderr } = await this.command(
      ['analyze-logs', '--config', this.config, '--json', ...args],
      env,
    );
    if (stdout === '') throw new Error(`No document, exit code ${code}: ${stderr}`);
    return { code, ...document.parse(JSON.parse(stdout)) };
  }

  /** The one log of one file, by both reports. */
  async log(file: string, report: 'error' | 'performance' = 'error', ...args: readonly string[]): Promise<Log> {
    const { files } = await this.analyze(['--file', file, '--report', report, '--top', '1000', ...args]);
    const [log, ...more] = files;
    if (log === undefined || more.length > 0) throw new Error(`${files.length} logs in ${file}`);
    return log;
  }
}

/** What a shell says to a command, with the file as `$1`. */
export function shell(command: string, file: string): string {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  return execFileSync('/bin/sh', ['-c', command, 'sh', file], { encoding: 'utf8', env }).trim();
}

/** Lines that match, by grep. */
export function grep(pattern: string, file: string): number {
  return Number(shell(`grep -acE -- '${pattern}' "$1" || true`, file));
}

/** `name count` a line → counts by name. */
export function counts(command: string, file: string): Record<string, number> {
  const lines = shell(command, file).split('\n');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(/\d+$/.exec(line)?.[0])]),
  );
}

/** Until the program that writes the log has written that. */
export async function written(file: string, text: string | RegExp): Promise<void> {
  const isThere = (): boolean => {
    const content = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return typeof text === 'string' ? content.includes(text) : text.test(content);
  };
  const deadline = performance.now() + 30_000;
  while (!isThere()) {
    if (performance.now() > deadline) throw new Error(`${file} never had ${String(text)}`);
    await pause(10);
  }
}
