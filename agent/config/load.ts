/**
 * maintenance.yaml → the configuration in force. What is wrong is refused alone and reported with line and column; only a text
 * that can not be read as a whole (syntax, size, no `maintenance:`) gives no configuration.
 */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { LineCounter } from 'yaml';
import type { Diagnostic } from '../protocol/nouns.ts';
import { Masker } from '../secrets/masker.ts';
import type { Procedures } from './action.ts';
import { loadBlackouts } from './blackoutCheck.ts';
import { withoutBlackout } from './blackouts.ts';
import { loadChecks } from './checks.ts';
import { unknownKeyMessage, withEffect } from './issues.ts';
import { nearest } from './nearest.ts';
import { missingPaths, resolvePaths } from './paths.ts';
import { missingFrom, type Given } from './relied.ts';
import type { Remark } from './remark.ts';
import type { Config } from './schema.ts';
import { clearSecrets, openSecrets, secretsOf, type FoundSecrets } from './secrets.ts';
import { serverRemarks } from './serverCheck.ts';
import { loadSections, sectionNames, type LoadedSections } from './sections.ts';
import { withAbsolutePaths } from './taskRunChecks.ts';
import { loadTasks } from './tasks.ts';
import { checkText, decodeConfig, readConfigBytes, TextError } from './text.ts';
import type { ListTree, MapTree, Tree } from './tree.ts';
import { substituteTree, variablesFrom, type Environment, type UsedVariable } from './variables.ts';
import { parseYaml, SyntaxErrors } from './yaml.ts';
import { zoneNamed } from '../schedule/zone.ts';

export interface LoadOptions {
  /** Names the file in messages; read unless `text` is given. */
  readonly file: string;
  readonly text?: string;
  /** Relative paths begin here; by default the folder of the file. */
  readonly baseDirectory?: string;
  /** Values of `${VARIABLES}`. */
  readonly env: Environment;
  /** By name and alias. */
  readonly procedures: Procedures;
  /** What a file that is not there means: an empty configuration with a warning, or (by default) an error. */
  readonly missing?: 'empty' | 'error';
  /** What "past" is, for warnings: milliseconds since the epoch; by default the time of loading. */
  readonly now?: number;
}

export interface LoadResult {
  /** Null when the text as a whole is refused. */
  readonly config: Config | null;
  /** As it was read; null when nothing could be read. */
  readonly text: string | null;
  /** SHA-256 of the text (UTF-8), lower-case hex. */
  readonly revision: string | null;
  /** Entries of automated_tasks, refused ones included. */
  readonly tasks: number;
  readonly refused: readonly { readonly name: string; readonly line: number; readonly message: string }[];
  /** By line and column. */
  readonly diagnostics: readonly Diagnostic[];
  /** Values that no output may show; no diagnostic does. */
  readonly secrets: readonly string[];
  /** Those that a name leads to again: a variable, or a place in the file. */
  readonly namedSecrets: ReadonlyMap<string, string>;
}

export function loadConfig(options: LoadOptions): LoadResult {
  const lines = new LineCounter();
  let text = options.text ?? null;
  const early: Remark[] = [];
  try {
    if (text === null) {
      const decoded = decodeConfig(readConfigBytes(options.file));
      text = decoded.text;
      if (decoded.odd) early.push(remark(0, 'warning', 'encoding', 'the file is UTF-16: save it as UTF-8'));
    }
    text = text.replace(/^\uFEFF/, '');
    checkText(text);
    const { root, warnings } = parseYaml(text, lines);
    for (const warning of warnings) early.push({ ...warning, severity: 'warning', task: null });
    return finish(text, lines, interpret(maintenanceOf(root), options, early));
  } catch (error) {
    if (error instanceof SyntaxErrors) {
      const faults = error.faults.map((fault) => ({ ...fault, severity: 'error' as const, task: null }));
      return finish(text, lines, { ...nothing, remarks: [...early, ...faults] });
    }
    if (!(error instanceof TextError)) throw error;
    if (error.code === 'no-file' && options.missing === 'empty') return empty(options, error.message, lines);
    // The parser may not have come so far: line starts are counted here.
    const known = text ?? error.text;
    if (known !== null) countLines(known, lines);
    return finish(text, lines, {
      ...nothing,
      remarks: [...early, remark(error.offset, 'error', error.code, error.message)],
    });
  }
}

function empty(options: LoadOptions, message: string, lines: LineCounter): LoadResult {
  const maintenance: MapTree = { kind: 'map', offset: 0, fault: null, entries: new Map() };
  const warning = remark(0, 'warning', 'no-file', `${message}; until then there are no tasks`);
  return finish(null, lines, interpret({ maintenance, unknown: [], unknownSections: [] }, options, [warning]));
}

interface Interpretation {
  readonly config: Omit<Config, 'tasks'> | null;
  readonly tasks: ReturnType<typeof loadTasks>;
  readonly declared: number;
  readonly remarks: readonly Remark[];
  readonly secrets: Pick<FoundSecrets, 'values' | 'named'>;
}

const nothing: Interpretation = {
  config: null,
  tasks: { tasks: [], refused: [], remarks: [] },
  declared: 0,
  remarks: [],
  secrets: { values: [], named: new Map() },
};

function interpret(top: Top, options: LoadOptions, early: readonly Remark[]): Interpretation {
  const { env, procedures, now = Date.now() } = options;
  const baseDirectory = path.resolve(options.baseDirectory ?? path.dirname(options.file));
  const used: UsedVariable[] = [];
  const maintenance = substituteTree(top.maintenance, variablesFrom(env), used) as MapTree;
  const secrets = secretsOf(clearSecrets(top.maintenance), used, maintenance);

  const sections = loadSections(
    maintenance,
    [...procedures.values()].flatMap(({ changes, settings }) => (changes ? settings : [])),
  );
  const values = resolvePaths(sections.values, baseDirectory, env);
  const leftOut = [...sections.leftOut, ...top.unknownSections.map((key) => [key])];
  const zone = checkZone(sections, leftOut);
  const list = taskList(maintenance);
  const tasks = loadTasks(list.tree, {
    procedures,
    scriptsDirectory: scriptsFolder({ ...values, leftOut }, baseDirectory),
    zone: zone.name,
    now,
  });
  const blackouts = loadBlackouts(sections, {
    zone: zone.name,
    written: maintenance.entries.get('blackouts')?.tree,
    tasks,
    now,
  });
  const checks = loadChecks(sections, procedures);
  return {
    config: {
      ...values,
      timezone: zone.name ?? 'UTC',
      blackouts: blackouts.blackouts,
      checks: checks.checks,
      baseDirectory,
      leftOut: [...leftOut, ...blackouts.leftOut],
    },
    tasks,
    declared: list.tree.items.length,
    secrets,
    remarks: [
      ...early,
      ...top.unknown,
      ...list.remarks,
      ...zone.remarks,
      ...sections.remarks,
      ...blackouts.remarks,
      ...checks.remarks,
      ...tasks.remarks,
      ...secrets.remarks,
      ...openSecrets(top.maintenance),
      ...missingPaths(sections, baseDirectory, env),
      ...mailRemarks(sections),
      ...serverRemarks(sections),
    ],
  };
}

function finish(text: string | null, lines: LineCounter, found: Interpretation): LoadResult {
  const place = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const masker = new Masker(found.secrets.values);
  const diagnostics = found.remarks
    .map(({ offset, severity, code, task, message }) => ({
      ...place(offset),
      severity,
      code,
      task,
      message: masker.text(message),
    }))
    .sort((one, other) => one.line - other.line || one.column - other.column);
  const base = found.config?.baseDirectory ?? '/';
  const tasks = found.tasks.tasks.map(({ offset, ...task }) =>
    withAbsolutePaths({ ...task, line: place(offset).line }, base),
  );
  return {
    config: found.config === null ? null : { ...found.config, tasks },
    text,
    revision: text === null ? null : createHash('sha256').update(text).digest('hex'),
    tasks: found.declared,
    refused: found.tasks.refused.map(({ name, offset, message }) => ({
      name,
      line: place(offset).line,
      message: masker.text(message),
    })),
    diagnostics,
    secrets: found.secrets.values,
    namedSecrets: found.secrets.named,
  };
}

interface Top {
  readonly maintenance: MapTree;
  readonly unknown: readonly Remark[];
  /** Below `maintenance` or, written too far to the left, beside it. */
  readonly unknownSections: readonly string[];
}

/** The mapping below `maintenance:`; throws TextError when there is none. */
function maintenanceOf(root: Tree | null): Top {
  if (root === null || (root.kind === 'scalar' && root.value === null)) {
    throw new TextError('empty', 'the file is empty: it begins with `maintenance:`');
  }
  if (root.kind !== 'map') {
    throw new TextError('not-a-mapping', 'the file is not a mapping: it begins with `maintenance:`', root.offset);
  }
  if (root.fault !== null) throw new TextError(root.fault.code, root.fault.message, root.fault.offset);
  const entry = root.entries.get('maintenance');
  if (entry === undefined) {
    const [first] = root.entries.values();
    const bare = ['automated_tasks', ...sectionNames].some((key) => root.entries.has(key));
    const advice = bare ? 'put everything below it, two spaces to the right' : 'it holds everything else';
    throw new TextError(
      'missing-key',
      `the key \`maintenance\` is missing: ${advice}`,
      first?.keyOffset ?? root.offset,
    );
  }
  const { tree } = entry;
  if (tree.kind !== 'map') {
    const message =
      tree.kind === 'scalar' && tree.value === null ? 'is empty: indent what belongs below it' : 'must be a mapping';
    throw new TextError('not-a-mapping', `\`maintenance\` ${message}`, entry.keyOffset);
  }
  if (tree.fault !== null) throw new TextError(tree.fault.code, tree.fault.message, tree.fault.offset);
  const known = ['automated_tasks', ...sectionNames];
  const unknown = [...unknownKeys(root, ['maintenance'], 'the file'), ...unknownKeys(tree, known, '`maintenance`')];
  const strangers = [...keysBeside(['maintenance'], root), ...keysBeside(known, tree)];
  return { maintenance: tree, unknown, unknownSections: strangers.map(([key]) => key) };
}

/** Keys beginning with `x-` are the user's own, as places for anchors. */
function unknownKeys(map: MapTree, known: readonly string[], place: string): Remark[] {
  return keysBeside(known, map).map(([key, { keyOffset }]) =>
    remark(
      keyOffset,
      'error',
      'unknown-key',
      withEffect(
        unknownKeyMessage(key, place, known),
        nearest(key, sectionNames) === 'blackouts' ? withoutBlackout : 'it is left out',
      ),
    ),
  );
}

function keysBeside(known: readonly string[], map: MapTree) {
  return [...map.entries].filter(([key]) => !known.includes(key) && !key.startsWith('x-'));
}

function taskList(maintenance: MapTree): { tree: ListTree; remarks: Remark[] } {
  const entry = maintenance.entries.get('automated_tasks');
  const empty: ListTree = { kind: 'list', offset: maintenance.offset, fault: null, items: [] };
  if (entry === undefined || (entry.tree.kind === 'scalar' && entry.tree.value === null && entry.tree.fault === null)) {
    return { tree: empty, remarks: [] };
  }
  const { fault } = entry.tree;
  if (fault !== null) throw new TextError(fault.code, fault.message, fault.offset);
  if (entry.tree.kind === 'list') return { tree: entry.tree, remarks: [] };
  const message = '`automated_tasks` must be a list (`- name: …`): no task is loaded';
  return { tree: empty, remarks: [remark(entry.tree.offset, 'error', 'invalid-value', message)] };
}

/** Null = nobody knows which one was meant, and what names none itself must not run by another. */
function checkZone(
  sections: LoadedSections,
  leftOut: NonNullable<Config['leftOut']>,
): { name: string | null; remarks: Remark[] } {
  const { timezone } = sections.values;
  if (missingFrom({ ...sections.values, leftOut }, ['timezone']).length > 0) return { name: null, remarks: [] };
  const zone = zoneNamed(timezone);
  if (zone !== null) return { name: timezone, remarks: [] };
  const message = `there is no time zone \`${timezone.slice(0, 60)}\`; use an IANA name such as Europe/Berlin or UTC`;
  const offset = sections.trees.get('timezone')?.offset ?? 0;
  return { name: null, remarks: [remark(offset, 'error', 'invalid-timezone', message)] };
}

/** Null = nobody knows which one was meant, and a script of the same name elsewhere must not run in its place. */
function scriptsFolder(config: Given, baseDirectory: string): string | null {
  if (missingFrom(config, ['scripts.directory']).length > 0) return null;
  return config.scripts.directory ?? baseDirectory;
}

function mailRemarks(sections: LoadedSections): Remark[] {
  const { email_list: list, smtp } = sections.values.notifications;
  if (list === undefined || list.length === 0 || smtp !== undefined) return [];
  const tree = sections.trees.get('notifications');
  const offset = tree?.kind === 'map' ? (tree.entries.get('email_list')?.keyOffset ?? 0) : 0;
  const message = 'no e-mail will be sent: set `smtp` beside `email_list`, such as smtp://localhost:25';
  return [remark(offset, 'warning', 'no-smtp', message)];
}

function remark(offset: number, severity: Remark['severity'], code: string, message: string): Remark {
  return { offset, severity, code, task: null, message };
}

function countLines(text: string, lines: LineCounter): void {
  lines.lineStarts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.lineStarts.push(at + 1);
}
