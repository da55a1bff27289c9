/** Each section of maintenance.yaml on its own: what is wrong is left out and reported, everything else stays in force. */
import { withoutBlackout } from './blackouts.ts';
import { withEffect, written, type Mistake } from './issues.ts';
import { isReliedOn, type Relied } from './relied.ts';
import type { Remark } from './remark.ts';
import { allSections, sections, type Sections } from './schema.ts';
import type { MapTree, Tree } from './tree.ts';
import { formatDuration } from './units.ts';
import { faultsOf, plainValue, validate } from './validate.ts';

export const sectionNames = Object.keys(sections) as readonly (keyof typeof sections)[];

export interface LoadedSections {
  readonly values: Sections;
  /** The sections as they are in force, without what was left out. */
  readonly trees: ReadonlyMap<string, Tree>;
  readonly remarks: readonly Remark[];
  /** Where something was left out for a mistake, each place with its section first. */
  readonly leftOut: readonly Place[];
}

type Place = readonly (string | number)[];

/** `maintenance` is the mapping below that key; by the settings `relied` procedures change something. */
export function loadSections(maintenance: MapTree, relied: readonly Relied[] = []): LoadedSections {
  const remarks: Remark[] = [];
  const places: Place[] = [];
  const trees = new Map<string, Tree>();
  const raw = Object.create(null) as Record<string, unknown>;
  for (const name of sectionNames) {
    const tree = maintenance.entries.get(name)?.tree;
    const good = tree === undefined || isEmpty(tree) ? null : settle(name, tree, { remarks, places, relied });
    if (good === null) continue;
    trees.set(name, good);
    raw[name] = plainValue(good);
  }
  return { values: allSections.parse(raw), trees, remarks, leftOut: places };
}

/** Validates a section, leaving out what is wrong until the rest stands; null = nothing of it stands, its defaults hold. */
function settle(
  name: keyof typeof sections,
  tree: Tree,
  { remarks, places, relied }: { remarks: Remark[]; places: Place[]; relied: readonly Relied[] },
): Tree | null {
  let current: Tree | null = tree;
  for (const { path, fault } of faultsOf(tree)) {
    const unit = unitOf(tree, path);
    // A channel that is not set up is a choice of the machine; anything else that misses its variable is a mistake.
    const mild = name === 'notifications' && fault.code === 'unset-variable';
    places.push([name, ...unit]);
    const effect = mild ? `this channel (${written([name, ...unit])}) is off` : leftOut(name, unit, relied);
    remarks.push({
      ...fault,
      severity: mild ? 'warning' : 'error',
      task: null,
      message: `${fault.message}; ${effect}`,
    });
  }
  current = prune(
    current,
    faultsOf(tree).map(({ path }) => unitOf(tree, path)),
  );
  for (let round = 0; current !== null && round < maxRounds; round += 1) {
    const judged: Tree = current;
    const result = validate(sections[name], judged, (path) => `\`${written([name, ...path])}\``);
    if (result.ok) return result.tree;
    const units = result.mistakes.map((mistake) => unitFor(judged, mistake));
    places.push(...units.map((unit) => [name, ...unit]));
    result.mistakes.forEach((mistake, index) => {
      const message = withEffect(mistake.message, leftOut(name, units[index] ?? [], relied));
      remarks.push({ offset: mistake.offset, severity: 'error', code: mistake.code, task: null, message });
    });
    current = prune(judged, units);
  }
  return null;
}

const maxRounds = 5;

/** What is refused for a mistake: the element of the outermost list (a database, a service), else the setting of the section. */
function unitOf(tree: Tree, path: readonly (string | number)[]): readonly (string | number)[] {
  let node: Tree | undefined = tree;
  for (const [depth, part] of path.entries()) {
    if (node?.kind === 'list') return path.slice(0, depth + 1);
    node = node?.kind === 'map' ? node.entries.get(String(part))?.tree : undefined;
  }
  return path.slice(0, 1);
}

function unitFor(tree: Tree, mistake: Mistake): readonly (string | number)[] {
  // An unknown key takes nothing with it but itself.
  if (mistake.code === 'unknown-key') return mistake.path;
  return unitOf(tree, mistake.path);
}

function prune(tree: Tree, units: readonly (readonly (string | number)[])[]): Tree | null {
  if (units.some((unit) => unit.length === 0)) return null;
  if (tree.kind === 'list') {
    const items = tree.items.flatMap((item, index) => below(item, units, index));
    return { ...tree, items };
  }
  if (tree.kind !== 'map') return tree;
  const entries = [...tree.entries].flatMap(([key, entry]) =>
    below(entry.tree, units, key).map((kept) => [key, { ...entry, tree: kept }] as const),
  );
  return { ...tree, fault: null, entries: new Map(entries) };
}

function below(tree: Tree, units: readonly (readonly (string | number)[])[], part: string | number): Tree[] {
  const inside = units.filter((unit) => unit[0] === part).map((unit) => unit.slice(1));
  if (inside.length === 0) return [tree];
  const kept = prune(tree, inside);
  return kept === null ? [] : [kept];
}

function isEmpty(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null && tree.fault === null;
}

/** What holds instead, as the end of a sentence. */
function leftOut(name: keyof typeof sections, unit: Place, relied: readonly Relied[]): string {
  const refused = isReliedOn([name, ...unit], relied) ? ', but procedures that change anything by it refuse' : '';
  return `${instead(name, unit)}${refused}`;
}

function instead(name: keyof typeof sections, unit: Place): string {
  const [key] = unit;
  if (name === 'blackouts') return withoutBlackout;
  if (name === 'mode') return 'windows do not switch maintenance mode on';
  if (name === 'scripts') return 'tasks whose script is no absolute path are refused';
  if (name === 'timezone') return 'tasks and blackouts that name no zone are refused';
  const standard: unknown = sections[name].parse(undefined);
  if (key === undefined) return `the default of \`${name}\` holds${shown(standard)}`;
  if (unit.length > 1 || typeof key === 'number') return 'this entry is left out';
  if (typeof standard !== 'object' || standard === null || !Object.hasOwn(standard, key)) return 'it is left out';
  const value: unknown = Reflect.get(standard, key);
  return value === undefined ? 'it is left out' : `its default holds${shown(value, durationKeys.has(key))}`;
}

function shown(value: unknown, isDuration = false): string {
  if (typeof value === 'number') return ` (${isDuration ? formatDuration(value) : String(value)})`;
  return typeof value === 'string' || typeof value === 'boolean' ? ` (${String(value)})` : '';
}

/** Settings of sections that are durations: their defaults are milliseconds. */
const durationKeys: ReadonlySet<string> = new Set(
  sectionNames.flatMap((name) => {
    const standard: unknown = sections[name].parse(undefined);
    if (typeof standard !== 'object' || standard === null) return [];
    return Object.entries(standard).flatMap(([key, value]) =>
      typeof value === 'number' && !sections[name].safeParse({ [key]: value }).success ? [key] : [],
    );
  }),
);
