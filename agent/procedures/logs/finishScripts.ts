/** Runs what an interrupted rotation owed to its writers, once, and looks whether they follow. */
import type { Finding } from '../../protocol/nouns.ts';
import type { ProcedureContext } from '../define.ts';
import { runTool } from '../tool.ts';
import { describe } from './generations.ts';
import { journalFile, outputFile, scriptOutputFile, writeJournal } from './journal.ts';
import type { Journal } from './journal.ts';
import { idOf } from './owedScripts.ts';
import type { OwedScript } from './owedScripts.ts';
import { adviceFor, withServices } from './writerAdvice.ts';
import { awaitRelease, describeWriters, findWriters } from './writers.ts';
import type { Writer, WriterScan } from './writers.ts';

export interface Finished {
  /** Number of scripts that were run. */
  readonly ran: number;
  readonly failed: boolean;
  /** What there is to do still, after what was run. */
  readonly journal: Journal;
}

/** `owed`: of one kind, so that it is known what came before. Each that is run, and each that may be missing, is a finding. */
export async function finishScripts(
  owed: readonly OwedScript[],
  journal: Journal,
  context: ProcedureContext,
): Promise<Finished> {
  if (owed.length === 0) return { ran: 0, failed: false, journal };
  const atWork = await awaitBegun(owed, journal, context);
  const keys = owed.flatMap((script) => [...keysOf(script, 'oldKey'), ...keysOf(script, 'newKey')]);
  const scan = await findWriters(new Set(keys));
  const finisher = new Finisher(journal, context);
  for (const script of owed) await finisher.finish(script, scan, atWork);
  return finisher;
}

/**
 * A script that outlived its logrotate is still at work, and what logrotate said is where its own words go: whoever has that open is
 * waited for. Gives those that remain.
 */
async function awaitBegun(
  owed: readonly OwedScript[],
  { config }: Journal,
  { memoryDirectory, signal }: ProcedureContext,
): Promise<readonly Writer[]> {
  const keys = new Set(owed.filter(({ state }) => state === 'begun').flatMap((script) => keysOf(script, 'oldKey')));
  if ((await findWriters(keys)).writers.size === 0) return [];
  const outputs = [outputFile, scriptOutputFile].flatMap(
    (fileOf) => describe(fileOf(memoryDirectory, config))?.key ?? [],
  );
  const scan = await awaitRelease(new Set(outputs), 30_000, signal);
  await awaitRelease(keys, 1_000, signal);
  return [...scan.writers.values()].flat();
}

class Finisher implements Finished {
  ran = 0;
  failed = false;
  journal: Journal;
  readonly #context: ProcedureContext;

  constructor(journal: Journal, context: ProcedureContext) {
    this.journal = journal;
    this.#context = context;
  }

  async finish(script: OwedScript, scan: WriterScan, atWork: readonly Writer[]): Promise<void> {
    const { name, logs, state, tellsWriters } = script;
    if (state === 'ended') return; // A writer that is stuck all the same is told of after the rotation.
    const old = tellsWriters ? writersOf(script, 'oldKey', scan) : [];
    const isDone = tellsWriters && old.length === 0 && writersOf(script, 'newKey', scan).length > 0;
    if (state === 'begun' && old.length > 0 && atWork.length > 0) {
      const who = describeWriters(atWork);
      this.#tell(
        script,
        'warning',
        `${name} of an interrupted rotation is still at work (${who}); it is not run again.`,
      );
    } else if (isDone) {
      const what = 'is not run again: its writers have opened the new file';
      this.#tell(script, 'info', `The last rotation was interrupted before or in ${name}, which ${what}.`);
    } else if (state === 'not_begun' || (state === 'begun' && old.length > 0)) await this.#run(script);
    else {
      const why = `It is not known whether ${name} came to its end in the rotation that was interrupted, so it is not run now`;
      if (old.length > 0) {
        const advice = adviceFor(withServices(old));
        this.#tell(script, 'warning', `${why}; ${describeWriters(old)} still writes to the old file: ${advice}.`);
      } else {
        const when = logs.every(({ copied }) => copied)
          ? 'what it does is missing'
          : 'it does more than to make writers open the new file';
        this.#tell(script, 'info', `${why}; if ${when}, run it by hand.`);
      }
    }
  }

  async #run(script: OwedScript): Promise<void> {
    const { name, text, args, logs, state } = script;
    const copied = logs.every((log) => log.copied);
    const files = logs.map(({ path }) => path).join(', ');
    const which = `${name}, which the interrupted rotation of ${files} had not ${state === 'begun' ? 'finished' : 'begun'},`;
    if (this.#context.dryRun) {
      this.#tell(script, 'info', `${which} would be run.`);
      return;
    }
    const { memoryDirectory, env, signal, print } = this.#context;
    const file = journalFile(memoryDirectory, this.journal.config);
    this.journal = { ...this.journal, begun: [...this.journal.begun, idOf(script)] };
    await writeJournal(file, this.journal);
    this.ran += 1;
    // As runScript() of logrotate.c does, which goes back from the user of `su` first.
    const output = scriptOutputFile(memoryDirectory, this.journal.config);
    const call = { binary: '/bin/sh', args: ['-c', text, 'logrotate_script', ...args], env, signal, output };
    const { exitCode, killedBy, lines } = await runTool(call);
    this.journal = { ...this.journal, ended: [...this.journal.ended, idOf(script)] };
    await writeJournal(file, this.journal);
    for (const line of lines) if (line !== '') print(line);
    if (exitCode !== 0) {
      this.failed = true;
      const how = killedBy === null ? `exit code ${exitCode ?? 'unknown'}` : `killed by ${killedBy}`;
      this.#tell(
        script,
        'critical',
        `${which} was run now and failed (${how})${copied ? '' : '; the logs have their new names, but their writers may not know'}: correct it and run it by hand, it is not run again for that rotation.`,
      );
      return;
    }
    if (copied) this.#tell(script, 'info', `${which} was run now (exit code 0).`);
    else await this.#verify(script, which);
  }

  async #verify(script: OwedScript, which: string): Promise<void> {
    const scan = await awaitRelease(new Set(keysOf(script, 'oldKey')), 3_000, this.#context.signal);
    const left = writersOf(script, 'oldKey', scan);
    const done = `${which} was run now (exit code 0)`;
    if (left.length > 0) {
      const advice = adviceFor(withServices(left));
      this.#tell(script, 'warning', `${done}, yet ${describeWriters(left)} still writes to the old file; ${advice}.`);
      return;
    }
    const seen = scan.complete ? 'nobody writes' : 'as far as could be looked, nobody writes';
    this.#tell(script, 'info', `${done}; ${seen} to the rotated files any more.`);
  }

  #tell({ logs }: OwedScript, level: Finding['level'], message: string): void {
    const code = level === 'info' ? 'logs.repair' : 'logs.script';
    this.#context.finding({ level, code, subject: logs[0]?.path ?? '', message });
  }
}

function keysOf({ logs }: OwedScript, which: 'oldKey' | 'newKey'): readonly string[] {
  return logs.flatMap((log) => log[which] ?? []);
}

function writersOf(script: OwedScript, which: 'oldKey' | 'newKey', { writers }: WriterScan): readonly Writer[] {
  const found = keysOf(script, which).flatMap((key) => writers.get(key) ?? []);
  return [...new Map(found.map((writer) => [writer.pid, writer])).values()];
}
