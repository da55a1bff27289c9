/** The world that a procedure sees when it runs as a process of its own: output, results file, stop signals, memory folder. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { formatBytes } from '../config/units.ts';
import type { AnyProcedure, ProcedureContext, ProcedureOutcome } from '../procedures/define.ts';
import { optionsVariable } from '../procedures/options.ts';
import type { Finding, Progress } from '../protocol/nouns.ts';
import { indented, reportLine, type Io } from './io.ts';
import { defaultStateDirectory } from './paths.ts';

export interface ForegroundContext {
  readonly context: ProcedureContext;
  readonly findings: readonly Finding[];
  readonly finish: {
    /** Tells the agent, if one started this, what the procedure came to. */
    readonly result: (outcome: ProcedureOutcome, part: Record<string, unknown>) => void;
    readonly signals: () => void;
  };
}

export function createContext(given: {
  readonly procedure: AnyProcedure;
  readonly config: Config;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly io: Io;
}): ForegroundContext {
  const { io } = given;
  const findings: Finding[] = [];
  const results = io.env['UPKEEP_RESULTS'];
  const record = (line: object): void => {
    if (results !== undefined) appendFileSync(results, `${JSON.stringify(io.secrets.deep(line))}\n`);
  };
  const say = (text: string): void => {
    (given.json ? io.stderr : io.stdout).write(`${text}\n`);
  };
  const { signal, stop } = abortOnSignals();
  const context: ProcedureContext = {
    config: given.config,
    dryRun: given.dryRun,
    signal,
    // Programs that it starts need not know what it was asked for.
    env: { ...io.env, [optionsVariable]: undefined },
    // Not made here: most procedures remember nothing, not every user has a home, and a dry run changes nothing.
    memoryDirectory: join(defaultStateDirectory(io.env), 'memory', given.procedure.name),
    now: () => new Date(),
    finding: (finding) => {
      findings.push(finding);
      record({ type: 'finding', ...finding });
      say(reportLine(finding.level.toUpperCase().padEnd(8), finding.subject, finding.message));
    },
    progress: (progress) => {
      record({ type: 'progress', ...progress });
      if (results === undefined) say(indented(progressLine(progress)));
    },
    print: (line) => {
      say(indented(line));
    },
    mask: (text) => io.secrets.text(text),
  };
  return {
    context,
    findings,
    finish: {
      result: (outcome, part) => {
        record({ type: 'result', outcome, part });
      },
      signals: stop,
    },
  };
}

function abortOnSignals(): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals): void => {
    controller.abort(new Error(`stopped by ${name}`));
  };
  process.on('SIGTERM', abort);
  process.on('SIGINT', abort);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGTERM', abort);
      process.off('SIGINT', abort);
    },
  };
}

function progressLine({ done, total, unit, message, etaSeconds }: Progress): string {
  const amount = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value));
  const of = total === undefined ? amount(done) : `${amount(done)} of ${amount(total)}`;
  const named = unit === undefined || unit === 'bytes' ? of : `${of} ${unit}`;
  const left = etaSeconds === undefined ? '' : `, about ${minutes(etaSeconds)} left`;
  return `… ${named}${left}${message === undefined ? '' : `: ${message}`}`;
}

function minutes(seconds: number): string {
  if (seconds < 100) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
