/** Which groups of messages earlier runs have seen, in the procedure's memory folder: what is new is told by it. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomic } from '../../../store/atomicWrite.ts';
import { codeOf } from '../../../thrown.ts';
import { makeMemory } from '../../memory.ts';
import { levels } from './levels.ts';
import { isoOf, type SummedGroup } from './summary.ts';
import type { LogGroup } from './part.ts';
import type { Templates } from './templates.ts';

const day = 86_400_000;
const mostGroups = 1000;
const mostLogs = 200;
/** Groups that were not seen for so long are forgotten: when they return they are news again. */
const remembered = 90 * day;

const knownGroup = z.object({ template: z.string(), level: z.enum(levels), known: z.number(), seen: z.number() });
const knownLog = z.object({ since: z.number(), at: z.number(), groups: z.array(knownGroup) });
const document = z.object({ version: z.literal(1), logs: z.record(z.string(), knownLog) });
type KnownLog = z.infer<typeof knownLog>;

export class GroupMemory {
  /** It could not be read, so everything begins anew. */
  readonly damaged: boolean;
  readonly #file: string;
  readonly #logs: Map<string, KnownLog>;

  private constructor(file: string, logs: Map<string, KnownLog>, damaged: boolean) {
    this.#file = file;
    this.#logs = logs;
    this.damaged = damaged;
  }

  static async read(memoryDirectory: string): Promise<GroupMemory> {
    const file = join(memoryDirectory, 'groups.json');
    try {
      const { logs } = document.parse(JSON.parse(await readFile(file, 'utf8')));
      return new GroupMemory(file, new Map(Object.entries(logs)), false);
    } catch (error) {
      const missing = codeOf(error) === 'ENOENT';
      return new GroupMemory(file, new Map(), !missing);
    }
  }

  /** Before a log is read: the groups that are known already. */
  teach(source: string, templates: Templates): void {
    for (const { level, template, known } of this.#logs.get(source)?.groups ?? []) {
      if (!/^\d{3} /.test(template)) templates.remember(level, template, known);
    }
  }

  /**
   * After a log was read: what is new, and what the next run will know. A group is new when it was first known less than a day
   * before `now`; whether that is so is known only where the log, or an earlier run, reaches back further than that day.
   */
  learn(
    source: string,
    groups: readonly SummedGroup[],
    given: { readonly now: number; readonly from: number; readonly keep: boolean },
  ): readonly LogGroup[] {
    const { now, from, keep } = given;
    const before = this.#logs.get(source);
    const since = Math.min(before?.since ?? Number.POSITIVE_INFINITY, Number.isNaN(from) ? now : from);
    const known = new Map((before?.groups ?? []).map((group) => [keyOf(group), group]));
    const judged = groups.map((group) => {
      const { template, level, count, firstSeen, lastSeen } = group;
      const own = known.get(keyOf(group));
      const first = earliest([group.known, own?.known, Number.isNaN(firstSeen) ? now : firstSeen]);
      if (group.knownAs !== null) known.delete(keyOf({ level, template: group.knownAs }));
      known.set(keyOf(group), { template, level, known: first, seen: now });
      const isNew = first < now - day ? false : since <= now - day ? true : null;
      return { template, level, count, firstSeen: isoOf(firstSeen), lastSeen: isoOf(lastSeen), isNew };
    });
    if (!keep) return judged;
    const kept = [...known.values()].filter(({ seen }) => seen > now - remembered);
    kept.sort((one, other) => other.seen - one.seen);
    this.#logs.set(source, { since, at: now, groups: kept.slice(0, mostGroups) });
    return judged;
  }

  async write(): Promise<void> {
    await makeMemory(dirname(this.#file));
    const logs = [...this.#logs].sort((one, other) => other[1].at - one[1].at).slice(0, mostLogs);
    await writeFileAtomic(this.#file, JSON.stringify({ version: 1, logs: Object.fromEntries(logs) }));
  }
}

function keyOf({ level, template }: { readonly level: string; readonly template: string }): string {
  return `${level} ${template}`;
}

function earliest(times: readonly (number | undefined)[]): number {
  return Math.min(...times.filter((time) => time !== undefined && !Number.isNaN(time)).map(Number));
}
