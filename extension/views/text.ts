/** How views say durations, instants and counts. Text of hosts passes through `plain` before anyone sees it. */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `850 ms`, `4.2 s`, `3 min`, `2 h 5 min`, `9 d`. Rounded down, so that nothing is announced too early. */
export function duration(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < second) return `${Math.floor(value)} ms`;
  if (value < minute) return `${trimmed(value / second)} s`;
  if (value < hour) return `${Math.floor(value / minute)} min`;
  if (value < day) {
    const minutes = Math.floor((value % hour) / minute);
    return minutes === 0 ? `${Math.floor(value / hour)} h` : `${Math.floor(value / hour)} h ${minutes} min`;
  }
  return `${Math.floor(value / day)} d`;
}

/** Time left, rounded up to minutes: `42 min`, `1 h 5 min`, `less than 1 min`. */
export function timeLeft(milliseconds: number): string {
  if (milliseconds < minute) return 'less than 1 min';
  return duration(Math.ceil(milliseconds / minute) * minute);
}

/** `just now`, `3 min ago`, `in 2 h`. */
export function relative(instant: string, now: Date): string {
  const distance = Date.parse(instant) - now.getTime();
  if (Math.abs(distance) < 5 * second) return distance > 0 ? 'in a moment' : 'just now';
  return distance > 0 ? `in ${coarse(distance)}` : `${coarse(-distance)} ago`;
}

/** `2026-03-01 12:00:00`, in the zone of the editor. */
export function localTime(instant: string): string {
  const date = new Date(instant);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** A moment to come, in the zone of the editor: `14:30`, `tomorrow 08:00`, `2026-03-05 08:00`. */
export function untilText(instant: string, now: Date): string {
  const date = new Date(instant);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.round(
    (new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime() - midnight.getTime()) / day,
  );
  if (days === 0) return clock;
  return days === 1 ? `tomorrow ${clock}` : `${localTime(instant).slice(0, 10)} ${clock}`;
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** Longest text of a host that one label shows. */
const longest = 300;

/**
 * One line of text that shows what it holds: control characters, bidirectional controls and invisible characters (CVE-2021-42574)
 * become their code (`⟨U+202E⟩`), line breaks become spaces.
 */
export function plain(text: string): string {
  return plainUpTo(text, longest);
}

/** As `plain`, of another length. */
export function plainUpTo(text: string, most: number): string {
  const oneLine = text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ').replace(/\t/g, ' ');
  const visible = oneLine.replace(hidden, (character) => `⟨${codeOf(character)}⟩`);
  return visible.length > most ? `${visible.slice(0, most - 1)}…` : visible;
}

/** The last two parts of an absolute path that has more; any other text as it is. */
export function shortPath(text: string): string {
  const parts = text.split('/');
  return text.startsWith('/') && parts.length > 3 ? parts.slice(-2).join('/') : text;
}

/** For places that draw `$(name)` as an icon (quick picks, status bar, CodeLens): such text stays text. */
export function withoutIcons(text: string): string {
  return plain(text).replace(/\$\(/g, '$\u200A(');
}

/** For notifications, which make links of `[text](target)`: such text stays text. */
export function withoutLinks(text: string): string {
  return plain(text).replaceAll('](', ']\u200A(');
}

/**
 * For Markdown, as which it shows what it is, letter by letter: all but letters, digits and blanks between words are character
 * references (CommonMark 2.5), which begin no link, no tag, no list and no emphasis. VS Code's own `appendText` leaves `<` and bare
 * addresses as they are: the former hides what follows, the latter become links.
 */
export function asMarkdownText(text: string): string {
  return text.trim().replace(/[^\p{L}\p{N} ]/gu, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

/** `U+202E` */
function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Characters that people do not see or that move others about: controls, format characters, fillers, tags. */
export const hidden =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0\uFFF9-\uFFFC]|[\u{E0000}-\u{E0FFF}]/gu;

function coarse(milliseconds: number): string {
  if (milliseconds < minute) return `${Math.floor(milliseconds / second)} s`;
  if (milliseconds < hour) return `${Math.round(milliseconds / minute)} min`;
  if (milliseconds < 3 * hour) return duration(milliseconds);
  if (milliseconds < 2 * day) return `${Math.round(milliseconds / hour)} h`;
  return `${Math.round(milliseconds / day)} d`;
}

function trimmed(value: number): string {
  return value < 10 ? (Math.floor(value * 10) / 10).toFixed(1) : String(Math.floor(value));
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Groups in the order of their first member. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
