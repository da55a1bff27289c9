/** Settings by which something works, and what a mistake took out of them: there a default could do what nobody meant. */
import { written } from './issues.ts';
import { nearest } from './nearest.ts';
import { sections, type Config, type Sections } from './schema.ts';
import { knownKeys } from './validate.ts';

type PathsIn<T> = {
  [Key in keyof T & string]: NonNullable<T[Key]> extends readonly unknown[]
    ? Key | `${Key}[]`
    : NonNullable<T[Key]> extends object
      ? Key | `${Key}.${PathsIn<NonNullable<T[Key]>>}`
      : Key;
}[keyof T & string];

/** `logs.archive`: all below it. `logs.rotate[]`: a list whose entries have nothing to do with each other. */
export type SettingPath = PathsIn<Sections>;

/** A setting, or one by which something is only told of the work. */
export type Relied = SettingPath | { readonly setting: SettingPath; readonly tells: true };

export interface Missing {
  /** As it is written: `certificates.deploy[1].validte`. */
  readonly path: string;
  readonly loss: Loss;
}

/** `entry`: only one of a list, and there are others. `told`: nothing works by it, but something is told by it. */
export type Loss = 'setting' | 'entry' | 'told';

/** The settings of a file, and where something of them was left out. */
export type Given = Sections & Pick<Config, 'leftOut'>;

/** Each place once. A key that is not known where it stands may be any of those that are. */
export function missingFrom(config: Given, settings: readonly Relied[]): readonly Missing[] {
  const wanted = settings.map(wantedBy).map((one) => ({ ...one, list: one.list && hasEntries(config, one.path) }));
  const missing = new Map<string, Missing>();
  for (const place of config.leftOut ?? []) {
    const loss = lossAt(place, wanted);
    if (loss !== null) missing.set(written(place), { path: written(place), loss });
  }
  return [...missing.values()];
}

/** Whether a mistake at that place takes from one of them more than an entry of a list. */
export function isReliedOn(place: Place, settings: readonly Relied[]): boolean {
  return lossAt(place, settings.map(wantedBy)) === 'setting';
}

export function settingOf(relied: Relied): SettingPath {
  return typeof relied === 'string' ? relied : relied.setting;
}

type Place = readonly (string | number)[];

interface Wanted {
  readonly path: readonly string[];
  /** Its entries have nothing to do with each other. */
  readonly list: boolean;
  readonly tells: boolean;
}

function wantedBy(relied: Relied): Wanted {
  const setting = settingOf(relied);
  return { path: pathOf(setting), list: setting.endsWith('[]'), tells: typeof relied !== 'string' };
}

/** What a mistake at that place takes from what is wanted; null = nothing. */
function lossAt(place: Place, wanted: readonly Wanted[]): Loss | null {
  const concerned = wanted.filter(({ path }) => concerns(place, path));
  if (concerned.length === 0) return null;
  if (concerned.every(({ tells }) => tells)) return 'told';
  return concerned.some(({ path, list }) => list && isEntryOf(place, path)) ? 'entry' : 'setting';
}

function concerns(place: Place, wanted: readonly string[]): boolean {
  const section = String(place[0]);
  if (!isSection(section)) return nearest(section, Object.keys(sections)) === wanted[0];
  const differs = wanted.findIndex((key, depth) => depth < place.length && key !== String(place[depth]));
  if (differs < 0) return true;
  if (differs === 0 || differs !== place.length - 1) return false;
  return !knownKeys(sections[section], place.slice(1, -1)).includes(String(place.at(-1)));
}

function isEntryOf(place: Place, list: readonly string[]): boolean {
  return place.length === list.length + 1 && typeof place.at(-1) === 'number' && concerns(place, list);
}

function pathOf(setting: SettingPath): readonly string[] {
  return setting.replace(/\[\]$/, '').split('.');
}

function hasEntries(config: Given, path: readonly string[]): boolean {
  const value = valueAt(config, path);
  return Array.isArray(value) && value.length > 0;
}

function valueAt(config: Given, path: readonly string[]): unknown {
  let value: unknown = config;
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

function isSection(name: string): name is keyof typeof sections {
  return Object.hasOwn(sections, name);
}
