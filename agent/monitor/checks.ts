/** Checks: procedures that look at the host on an interval. They run as children, and leave a report, not a run. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CheckConfig } from '../config/schema.ts';
import type { Finding } from '../protocol/nouns.ts';
import { RunDirectory } from '../run/directory.ts';
import { stopGroup } from '../run/group.ts';
import { startProcess } from '../run/process.ts';
import { ResultsReader, type ProcedureEnd } from '../run/results.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { messageOf } from '../thrown.ts';

const longestCheckMs = 120_000;

export interface CheckResult {
  readonly check: CheckConfig;
  readonly at: number;
  readonly findings: readonly Finding[];
  readonly end: ProcedureEnd;
}

export interface ChecksParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly secrets: Secrets;
  /** Folder `checks/`. */
  readonly root: string;
  readonly command: (check: CheckConfig) => {
    readonly words: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
  };
  readonly environment: () => Readonly<Record<string, string | undefined>>;
  readonly cwd: () => string;
  readonly onResult: (result: CheckResult) => void;
}

interface Entry {
  readonly check: CheckConfig;
  disarm: () => void;
  running: Promise<void> | null;
}

export class Checks {
  readonly #parts: ChecksParts;
  #entries: Entry[] = [];
  #started = false;
  readonly #pids = new Map<string, number>();

  constructor(parts: ChecksParts) {
    this.#parts = parts;
  }

  /** Resolves after the first round. */
  async start(): Promise<void> {
    this.#started = true;
    // One after the other: a starting agent must not load the host with every check at once.
    for (const entry of this.#entries) await this.#run(entry);
  }

  async stop(): Promise<void> {
    this.#started = false;
    for (const entry of this.#entries) entry.disarm();
    await Promise.all([...this.#pids].map(([id, pid]) => stopGroup(id, pid, 2000)));
    for (const entry of this.#entries) await entry.running;
  }

  setChecks(checks: readonly CheckConfig[]): void {
    for (const entry of this.#entries) entry.disarm();
    this.#entries = checks.map((check) => ({ check, disarm: () => undefined, running: null }));
    if (this.#started) void this.start();
  }

  /** Runs one check, or all, now; answers with the names at once, the reports follow. */
  runNow(name: string | null): readonly string[] {
    const chosen = this.#entries.filter((entry) => name === null || entry.check.name === name);
    for (const entry of chosen) void this.#run(entry);
    return chosen.map((entry) => entry.check.name);
  }

  /** Runs all checks now; resolves once each has reported, or at once when the agent has not started them. */
  async refresh(): Promise<void> {
    const again = async (entry: Entry): Promise<void> => {
      // One that is under way began to look before it was asked.
      await entry.running;
      await this.#run(entry);
    };
    await Promise.all(this.#entries.map(again));
  }

  async #run(entry: Entry): Promise<void> {
    if (!this.#started || !this.#entries.includes(entry)) return;
    entry.running ??= this.#execute(entry.check)
      .catch((error: unknown) => {
        this.#report(entry.check, [], failure(entry.check, error));
      })
      .finally(() => {
        entry.running = null;
        this.#arm(entry);
      });
    await entry.running;
  }

  #arm(entry: Entry): void {
    entry.disarm();
    if (!this.#started || !this.#entries.includes(entry)) return;
    entry.disarm = callAt(this.#parts.clock, this.#parts.clock.now() + entry.check.every, () => void this.#run(entry));
  }

  async #execute(check: CheckConfig): Promise<void> {
    const directory = new RunDirectory(join(this.#parts.root, check.name));
    rmSync(directory.path, { recursive: true, force: true });
    mkdirSync(this.#parts.root, { recursive: true, mode: 0o700 });
    directory.create();
    const id = `check-${check.name}-${this.#parts.clock.now()}`;
    const { words, environment } = this.#parts.command(check);
    const surroundings = { cwd: this.#parts.cwd(), env: { ...this.#parts.environment(), ...environment } };
    const started = await startProcess(directory, id, words, surroundings);
    this.#pids.set(id, started.pid);
    const disarm = callAt(this.#parts.clock, this.#parts.clock.now() + longestCheckMs, () => {
      void stopGroup(id, started.pid, 2000);
    });
    await started.ended;
    disarm();
    this.#pids.delete(id);
    if (!this.#started) return;
    const findings: Finding[] = [];
    const on = { finding: (item: Finding) => findings.push(item), progress: () => undefined };
    const reader = new ResultsReader(directory.results, on, this.#parts.secrets);
    reader.read();
    if (reader.end === null) throw new Error(`it ended without a result, see ${directory.output}`);
    this.#report(check, findings, reader.end);
  }

  #report(check: CheckConfig, findings: readonly Finding[], end: ProcedureEnd): void {
    this.#parts.onResult({
      check,
      at: this.#parts.clock.now(),
      findings: end.outcome === 'failed' && findings.length === 0 ? failureFindings(check, end) : findings,
      end,
    });
  }
}

function failure(check: CheckConfig, error: unknown): ProcedureEnd {
  const message = messageOf(error);
  return {
    type: 'result',
    outcome: 'failed',
    part: { error: `The check ${check.name} could not be done: ${message}` },
  };
}

function failureFindings(check: CheckConfig, end: ProcedureEnd): readonly Finding[] {
  const { error } = end.part;
  const message = typeof error === 'string' ? error : `The check ${check.name} failed.`;
  return [{ level: 'critical', code: 'upkeep.check', subject: check.name, message }];
}
