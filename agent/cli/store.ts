/** `upkeep store check|rebuild`: on the state folder itself; a check also while the agent runs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { verifyAudit } from '../store/audit.ts';
import { Database } from '../store/database.ts';
import { examine } from '../store/examine.ts';
import { storeFile } from '../store/openStore.ts';
import { runDirectories } from '../store/rebuild.ts';
import { repairStore } from '../store/repair.ts';
import { runIdOf } from '../store/runKeys.ts';
import { lockState } from '../store/stateLock.ts';
import { UsageError } from './errors.ts';
import { writeJson, type Io } from './io.ts';
import { defaultStateDirectory } from './paths.ts';

interface StoreOptions {
  readonly state?: string;
  readonly json?: true;
}

export function registerStore(program: Command, io: Io): void {
  const store = program.command('store').summary("the agent's store and its index of runs");
  store
    .command('check')
    .summary('look whether the store is sound')
    .description(
      'Reads every page of the store and compares it with the run directories: exit code 1 when it is damaged.',
    )
    .option('--state <dir>', "the agent's state folder")
    .option('--json', 'one JSON document on standard output')
    .action((options: StoreOptions) => {
      check(options, io);
    });
  store
    .command('rebuild')
    .summary('make the store anew')
    .description(
      'Makes the store anew from the run directories, from what can be read of the old file and from its copies of tokens and audit log. The old file is set aside. The agent must be stopped.',
    )
    .option('--state <dir>', "the agent's state folder")
    .option('--json', 'one JSON document on standard output')
    .action((options: StoreOptions) => {
      rebuild(options, io);
    });
}

function check(options: StoreOptions, io: Io): void {
  const state = stateOf(options, io);
  const file = storeFile(state);
  const verdict = examine(file, true);
  if (verdict.kind === 'missing')
    throw new UsageError(`There is no store in ${state}: start the agent once, or give --state.`);
  const directories = runDirectories(join(state, 'runs'));
  const found = verdict.kind === 'ok' ? compare(file, directories) : { runs: 0, unknown: [], auditBrokenAt: null };
  const problem = verdict.kind === 'damaged' ? verdict.problem : null;
  const ok = problem === null && found.auditBrokenAt === null;
  if (options.json === true) {
    writeJson(io, { ok, problem, file, directories: directories.length, ...found });
  } else if (problem !== null) {
    io.stdout.write(`${file} is damaged (${problem}): stop the agent and run "upkeep store rebuild"\n`);
  } else {
    io.stdout.write(`${file} is sound: ${found.runs} runs, ${directories.length} run directories\n`);
    for (const id of found.unknown)
      io.stdout.write(`the run ${id} has a directory and no record: a starting agent adds it\n`);
    if (found.auditBrokenAt !== null)
      io.stdout.write(
        `entry ${found.auditBrokenAt} of the audit log does not fit the one before it: see "upkeep audit verify"\n`,
      );
  }
  if (!ok) io.exitCode = 1;
}

interface Comparison {
  readonly runs: number;
  /** Runs that have a directory and no record. */
  readonly unknown: readonly string[];
  readonly auditBrokenAt: number | null;
}

function compare(file: string, directories: readonly { readonly id: string }[]): Comparison {
  const database = new Database(file, { readOnly: true });
  try {
    const known = new Set(database.all('SELECT id FROM runs').map((row) => runIdOf(row['id'])));
    const unknown = directories.map(({ id }) => id).filter((id) => !known.has(id));
    return { runs: known.size, unknown, auditBrokenAt: verifyAudit(database).brokenAt };
  } finally {
    database.close();
  }
}

function rebuild(options: StoreOptions, io: Io): void {
  const state = stateOf(options, io);
  // Throws with the pid of an agent that is running.
  const unlock = lockState(state);
  try {
    const repair = repairStore(storeFile(state), 'upkeep store rebuild', Date.now());
    if (options.json === true) {
      writeJson(io, repair);
      return;
    }
    io.stdout.write(`made anew: ${repair.runs} runs, ${repair.tokens} tokens, ${repair.audit} audit entries\n`);
    if (repair.aside !== null) io.stdout.write(`the old file is ${repair.aside}\n`);
    if (repair.auditBrokenAt !== null) io.stdout.write(`entry ${repair.auditBrokenAt} of the audit log is missing\n`);
    for (const path of repair.unreadable) io.stdout.write(`not understood: ${path}\n`);
  } finally {
    unlock();
  }
}

function stateOf(options: StoreOptions, io: Io): string {
  const state = options.state ?? defaultStateDirectory(io.env);
  if (!existsSync(state))
    throw new UsageError(`There is no state folder ${state}: start the agent once, or give --state.`);
  return state;
}
