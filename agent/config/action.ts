/** What a task does: a script file, or a built-in procedure with its options checked. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { AnyProcedure } from '../procedures/define.ts';
import { optionKeyFromYaml, optionKeyToYaml } from '../procedures/options.ts';
import { follow, unknownKeyMessage, written, type Describe } from './issues.ts';
import { nearest } from './nearest.ts';
import type { LoadedTask, TaskConfig } from './schema.ts';
import type { Notes } from './remark.ts';
import type { MapTree, Tree } from './tree.ts';
import { plainValue, validate } from './validate.ts';

/** By name and alias. */
export type Procedures = ReadonlyMap<string, AnyProcedure>;

export interface ActionContext {
  readonly procedures: Procedures;
  /** Absolute folder of relative scripts; null when the file's own is refused. */
  readonly scriptsDirectory: string | null;
}

type Action = LoadedTask['action'];

/** Says in `notes` why there is none when it gives null. */
export function resolveAction(task: TaskConfig, tree: Tree, context: ActionContext, notes: Notes): Action | null {
  const { script, procedure } = task;
  if (script !== undefined && procedure !== undefined) {
    notes.error(
      offsetOf(tree, 'procedure'),
      'ambiguous-action',
      'a task has `script` or `procedure`, not both: remove one',
    );
    return null;
  }
  if (procedure !== undefined) return procedureAction(procedure, task, tree, context, notes);
  if (script !== undefined) return scriptAction(script, task, tree, context, notes);
  notes.error(tree.offset, 'no-action', 'the task does nothing: add `script` or `procedure`');
  return null;
}

/** Options of YAML, checked against the procedure; null when refused (said in `notes`). In camelCase, as written, not transformed. */
export function procedureOptions(
  procedure: AnyProcedure,
  options: MapTree | null,
  notes: Notes,
): Record<string, unknown> | null {
  const known = Object.keys(procedure.options.shape);
  const place = `the options of ${procedure.name}`;
  const entries = new Map<string, { keyOffset: number; tree: Tree }>();
  let refused = false;
  for (const [key, entry] of options?.entries ?? []) {
    const name = optionKeyFromYaml(key);
    if (known.includes(name) && optionKeyToYaml(name) === key) entries.set(name, entry);
    else {
      refused = true;
      notes.error(entry.keyOffset, 'invalid-option', unknownKeyMessage(key, place, known.map(optionKeyToYaml)));
    }
  }
  if (refused) return null;
  const tree: MapTree = { kind: 'map', offset: options?.offset ?? 0, fault: null, entries };
  const describe: Describe = ([name, ...rest]) =>
    typeof name === 'string' ? `\`${written([optionKeyToYaml(name), ...rest])}\` of ${place}` : place;
  const result = validate(procedure.options, tree, describe, { wrapLists: true });
  if (result.ok) return { ...(plainValue(result.tree) as object) };
  for (const mistake of result.mistakes) notes.error(mistake.offset, 'invalid-option', mistake.message);
  return null;
}

/** For messages about a procedure that does not exist. */
export function unknownProcedure(name: string, procedures: Procedures): string {
  const meant = nearest(name, procedures.keys());
  return `there is no procedure \`${name}\`; ${meant === null ? '`upkeep --help` lists them' : `did you mean \`${meant}\`?`}`;
}

function procedureAction(
  name: string,
  task: TaskConfig,
  tree: Tree,
  context: ActionContext,
  notes: Notes,
): Action | null {
  const procedure = context.procedures.get(name);
  if (procedure === undefined) {
    notes.error(offsetOf(tree, 'procedure'), 'unknown-procedure', unknownProcedure(name, context.procedures));
    return null;
  }
  if (task.args !== undefined) {
    const message = `\`args\` are for scripts, but this task runs the procedure ${procedure.name}: use \`options\``;
    notes.error(offsetOf(tree, 'args'), 'invalid-option', message);
    return null;
  }
  const node = follow(tree, ['options']);
  const options = procedureOptions(procedure, node?.kind === 'map' ? node : null, notes);
  return options === null
    ? null
    : { kind: 'procedure', procedure: procedure.name, options: withThreshold(options, procedure, task, tree, notes) };
}

/** `alert_threshold_days` of the seed is the option `warn_days` of the procedures that have it. */
function withThreshold(
  options: Record<string, unknown>,
  procedure: AnyProcedure,
  task: TaskConfig,
  tree: Tree,
  notes: Notes,
): Record<string, unknown> {
  const days = task.alert_threshold_days;
  if (days === undefined) return options;
  const offset = offsetOf(tree, 'alert_threshold_days');
  if (!Object.hasOwn(procedure.options.shape, 'warnDays')) {
    notes.warning(offset, 'unused-key', `\`alert_threshold_days\` means nothing to ${procedure.name}: remove it`);
    return options;
  }
  if (!Object.hasOwn(options, 'warnDays')) return { ...options, warnDays: days };
  notes.warning(offset, 'unused-key', '`warn_days` of the options holds, not `alert_threshold_days`: remove one');
  return options;
}

function scriptAction(
  script: string,
  task: TaskConfig,
  tree: Tree,
  context: ActionContext,
  notes: Notes,
): Action | null {
  const offset = offsetOf(tree, 'script');
  if (context.scriptsDirectory === null && !path.isAbsolute(script)) {
    const message = 'the `scripts.directory` of the file is refused, so nobody knows which script this is: correct it';
    notes.error(offset, 'invalid-directory', message);
    return null;
  }
  const file = path.resolve(context.scriptsDirectory ?? path.sep, script);
  const stats = statOf(file);
  if (stats === null) {
    const base = path.basename(script).replace(/\.sh$/, '');
    if (context.procedures.has(base)) return procedureAction(base, task, tree, context, notes);
    notes.error(offset, 'missing-script', missingScript(script, file, base, context.procedures));
    return null;
  }
  const unusable = unusableScript(file, stats);
  if (unusable !== null) {
    notes.error(offset, 'unusable-script', unusable);
    return null;
  }
  if ((stats.mode & 0o002) !== 0) {
    notes.warning(offset, 'writable-script', `anybody may change ${file}: take the right away with \`chmod o-w\``);
  }
  if (task.options !== undefined) {
    notes.error(offsetOf(tree, 'options'), 'invalid-option', '`options` are for procedures; a script takes `args`');
    return null;
  }
  if (task.alert_threshold_days !== undefined) {
    const message = '`alert_threshold_days` means nothing to a script of your own: remove it';
    notes.warning(offsetOf(tree, 'alert_threshold_days'), 'unused-key', message);
  }
  return { kind: 'script', path: file, args: task.args ?? [] };
}

function unusableScript(file: string, stats: fs.Stats): string | null {
  if (!stats.isFile()) return `${file} is not a file: name a script`;
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return null;
  } catch {
    return `${file} is not executable: run \`chmod +x\` on it`;
  }
}

function missingScript(script: string, file: string, base: string, procedures: Procedures): string {
  const [command] = script.split(/\s/);
  if (command !== undefined && command !== script) {
    return `there is no file ${file}: put the arguments after \`${command}\` into \`args\` (of a script) or \`options\` (of a procedure)`;
  }
  const meant = nearest(base, procedures.keys());
  const advice = meant === null ? 'create it, or set `scripts.directory`' : `did you mean \`${meant}.sh\`?`;
  return `missing script: there is no file ${file} and no built-in procedure \`${base}\`; ${advice}`;
}

function statOf(file: string): fs.Stats | null {
  try {
    return fs.statSync(file);
  } catch {
    // Missing or out of reach: both end in the message about the missing script.
    return null;
  }
}

function offsetOf(tree: Tree, key: string): number {
  return follow(tree, [key])?.offset ?? tree.offset;
}
