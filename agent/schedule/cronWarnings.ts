/** What a person may not expect of a valid schedule. */
import { nextLocal } from './cronFields.ts';
import { quoted } from './cronGrammar.ts';
import { zoneNamed, type OffsetChange } from './zone.ts';
import type { CronSchedule } from './cron.ts';

export interface CronWarning {
  readonly code: 'either-day' | 'step-too-long' | 'skipped-time' | 'repeated-time';
  readonly message: string;
}

const lookAhead = 5 * 366 * 86_400_000;
const sizes = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day of month', 31],
  ['month', 12],
  ['day of week', 7],
] as const;
const ordinals = ['first', 'second', 'third', 'fourth'];

/**
 * The OR of two restricted day fields, steps that never step, and the next change of the zone's clock (within five years of `from`)
 * that moves, drops or repeats a run.
 */
export function describeWarnings(schedule: CronSchedule, from: Date = new Date()): CronWarning[] {
  return [...eitherDay(schedule), ...tooLongSteps(schedule), ...clockChanges(schedule, from.getTime())];
}

function eitherDay({ fields, texts }: CronSchedule): CronWarning[] {
  if (fields.days !== 'either') return [];
  const [second, minute, hour, date, month, weekday] = texts;
  const replacement = monthlyWeekday(date, weekday);
  const time = [...(second === '0' ? [] : [second]), minute, hour, '*', month].join(' ');
  const advice =
    replacement === null
      ? 'set day_match: all when both must match'
      : `for the ${replacement.words} of the month write ${time} ${replacement.field}, or set day_match: all`;
  const message = `Day of month ${quoted(date)} and day of week ${quoted(weekday)}: either is enough to run, as in cron; ${advice}.`;
  return [{ code: 'either-day', message }];
}

/** `1-7` with `SUN` is meant as `SUN#1`. */
function monthlyWeekday(date: string, weekday: string): { field: string; words: string } | null {
  const match = /^(\d+)-(\d+)$/.exec(date);
  if (match === null || !/^(?:[0-7]|[a-z]+)$/i.test(weekday)) return null;
  const [from, to] = [Number(match[1]), Number(match[2])];
  const nth = (from + 6) / 7;
  const ordinal = ordinals[nth - 1];
  if (ordinal !== undefined && to === from + 6) return { field: `${weekday}#${nth}`, words: `${ordinal} such day` };
  return to === 31 && from >= 22 && from <= 25 ? { field: `${weekday}L`, words: 'last such day' } : null;
}

function tooLongSteps({ texts }: CronSchedule): CronWarning[] {
  return sizes.flatMap(([field, size], index) => {
    const step = (texts[index] ?? '').split(',').find((item) => item.startsWith('*/') && Number(item.slice(2)) >= size);
    if (step === undefined) return [];
    const message = `The step of ${field} ${quoted(step)} leads out of the field, which begins anew after ${size}: it matches its first value only.`;
    return [{ code: 'step-too-long', message }];
  });
}

function clockChanges(schedule: CronSchedule, from: number): CronWarning[] {
  // Work at every hour flows through a change without surprise.
  if (schedule.fields.hours.length === 24) return [];
  const warnings: CronWarning[] = [];
  const changes = zoneNamed(schedule.zone)?.changesBetween(from, from + lookAhead) ?? [];
  const hits = changes.flatMap((change) => {
    const local = nextLocal(schedule.fields, change.at + Math.min(change.before, change.after));
    return local !== null && local < change.at + Math.max(change.before, change.after) ? [{ change, local }] : [];
  });
  const gap = hits.find(({ change }) => change.after > change.before);
  if (gap !== undefined) warnings.push({ code: 'skipped-time', message: gapMessage(schedule, gap.change, gap.local) });
  const repeat = hits.find(({ change }) => change.after < change.before);
  if (repeat !== undefined && schedule.followsClock) {
    warnings.push({ code: 'repeated-time', message: repeatMessage(schedule, repeat.change) });
  }
  return warnings;
}

function gapMessage({ zone, followsClock }: CronSchedule, { at, before, after }: OffsetChange, local: number): string {
  const jump = `${zone} jumps from ${shown(at + before)} to ${time(at + after)}`;
  return followsClock
    ? `${jump} and the runs in between (${time(local)} …) are left out; choose another hour, or UTC.`
    : `${jump} and the run of ${time(local)} comes at ${time(at + after)} that day; choose another hour, or UTC, if that matters.`;
}

function repeatMessage({ zone }: CronSchedule, { at, before, after }: OffsetChange): string {
  const back = `${zone} goes back from ${shown(at + before)} to ${time(at + after)}`;
  return `${back} and the runs in between come twice; choose another hour, or UTC.`;
}

function shown(local: number): string {
  return `${new Date(local).toISOString().slice(0, 10)} ${time(local)}`;
}

function time(local: number): string {
  return new Date(local).toISOString().slice(11, 16);
}
