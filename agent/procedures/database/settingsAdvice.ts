/**
 * Which settings to change, and why: rules over the settings, the machine and the counters. PostgreSQL manual: "Resource
 * Consumption", "Write Ahead Log", "Planner Cost Constants", "Automatic Vacuuming".
 */
import { bytesText } from './bytesText.ts';
import type { Machine } from './machine.ts';
import { printable } from './names.ts';
import type { Recommendation } from './recommendations.ts';
import type { Setting, SettingsReadings } from './settingsReadings.ts';

export type Advice = Omit<Recommendation, 'database'>;

interface Wish {
  readonly name: string;
  /** As current_setting() will show it. */
  readonly to: string;
  readonly title: string;
  readonly reason: string;
}

/** For one server; its readings are those of one of its databases. */
export function settingsAdvice(readings: SettingsReadings, machine: Machine): Advice[] {
  return [
    ...safetyWishes(readings),
    ...memoryWishes(readings, machine),
    ...walWishes(readings),
    ...diskWishes(readings, machine),
    ...insightWishes(readings),
  ].flatMap((wish) => advise(readings.settings[wish.name], wish));
}

/** Autovacuum begins when a share of a table is dead: of a large one that is a long wait, and much work at once. */
export function tableAdvice({ settings, largeTables }: SettingsReadings): Advice[] {
  const share = settings['autovacuum_vacuum_scale_factor']?.value ?? 0;
  if (share < 0.1) return [];
  return largeTables.map(({ relation, rows }) => ({
    id: `autovacuum.${relation}`,
    title: `Earlier autovacuum of ${printable(relation)}`,
    reason: `${printable(relation)} has ${Math.round(rows)} rows, and autovacuum waits until ${Math.round(rows * share)} of them are dead; a fiftieth keeps each round short.`,
    sql: `alter table ${relation} set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.01)`,
    undo: `alter table ${relation} reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)`,
    restart: false,
    scope: 'relation',
    setting: null,
  }));
}

function advise(setting: Setting | undefined, { name, to, title, reason }: Wish): Advice[] {
  if (setting === undefined || setting.fixed || setting.text === to) return [];
  return [
    {
      id: `setting.${name}`,
      title,
      reason: `${name} is ${setting.text}: ${reason}`,
      sql: `alter system set ${name} = '${to}'`,
      undo: setting.altered ? `alter system set ${name} = '${setting.text}'` : `alter system reset ${name}`,
      restart: setting.restart,
      scope: 'server',
      setting: { name, from: setting.text, to },
    },
  ];
}

function safetyWishes({ settings }: SettingsReadings): Wish[] {
  const off = (name: string): boolean => settings[name]?.text === 'off';
  return [
    ...(off('track_counts')
      ? [
          {
            name: 'track_counts',
            to: 'on',
            title: 'Count activity',
            reason: 'without the counters autovacuum does nothing.',
          },
        ]
      : []),
    ...(off('autovacuum')
      ? [
          {
            name: 'autovacuum',
            to: 'on',
            title: 'Turn autovacuum on',
            reason: 'dead rows stay, statistics age, and transaction ids run out.',
          },
        ]
      : []),
  ];
}

function memoryWishes(
  { settings, temporaryFiles, temporaryBytes }: SettingsReadings,
  { memoryBytes }: Machine,
): Wish[] {
  if (memoryBytes === null || memoryBytes < gigabyte) return [];
  const memory = bytesText(memoryBytes);
  const of = (name: string): number => settings[name]?.value ?? 0;
  const wishes: Wish[] = [];
  const buffers = of('shared_buffers');
  if (buffers < memoryBytes / 10 || buffers > memoryBytes * 0.45) {
    const to = memoryText(Math.min(memoryBytes / 4, 16 * gigabyte));
    const reason = `the machine has ${memory}; a quarter of that, at most 16 GB, is a good start.`;
    wishes.push({ name: 'shared_buffers', to, title: 'Fit shared_buffers to the memory', reason });
  }
  if (of('effective_cache_size') < memoryBytes / 2 || of('effective_cache_size') > memoryBytes) {
    const reason = `of ${memory} about two thirds cache data; the planner takes indexes more readily when it knows.`;
    wishes.push({
      name: 'effective_cache_size',
      to: memoryText((memoryBytes * 2) / 3),
      title: 'Tell the planner of the cache',
      reason,
    });
  }
  const maintenance = Math.min(memoryBytes / 16, gigabyte);
  if (of('maintenance_work_mem') < maintenance / 2) {
    const reason = `VACUUM and CREATE INDEX go through large tables fewer times with more; the machine has ${memory}.`;
    wishes.push({
      name: 'maintenance_work_mem',
      to: memoryText(maintenance),
      title: 'More memory for maintenance',
      reason,
    });
  }
  const work = of('work_mem');
  const connections = Math.max(1, of('max_connections'));
  const affordable = memoryBytes / 4 / connections;
  if (work * connections > memoryBytes) {
    const reason = `with ${connections} connections that may take ${bytesText(work * connections)}, and the machine has ${memory}.`;
    wishes.push({
      name: 'work_mem',
      to: memoryText(Math.max(4 * megabyte, affordable)),
      title: 'Less memory for each sort',
      reason,
    });
  } else if (temporaryFiles > 0 && temporaryBytes / temporaryFiles > work && affordable >= 2 * work) {
    const reason = `${temporaryFiles} sorts and hashes wrote ${bytesText(temporaryBytes)} to temporary files for want of it.`;
    wishes.push({
      name: 'work_mem',
      to: memoryText(Math.min(affordable, 64 * megabyte)),
      title: 'More memory for each sort',
      reason,
    });
  }
  return wishes;
}

function walWishes({ settings, checkpoints: { timed, requested } }: SettingsReadings): Wish[] {
  const wishes: Wish[] = [];
  const all = timed + requested;
  const size = settings['max_wal_size']?.value ?? 0;
  if (all >= 20 && requested > all * 0.3 && size > 0) {
    const reason = `${requested} of ${all} checkpoints came before their time because the WAL was full, each with a burst of writes.`;
    wishes.push({ name: 'max_wal_size', to: memoryText(size * 2), title: 'Fewer forced checkpoints', reason });
  }
  if ((settings['checkpoint_completion_target']?.value ?? 1) < 0.9) {
    const reason = 'a checkpoint that spreads its writes over nine tenths of the interval disturbs least.';
    wishes.push({ name: 'checkpoint_completion_target', to: '0.9', title: 'Smoother checkpoints', reason });
  }
  if ((settings['checkpoint_timeout']?.value ?? Infinity) < 5 * 60_000) {
    const reason = 'each checkpoint makes the next change of every page go to the WAL as a whole.';
    wishes.push({ name: 'checkpoint_timeout', to: '15min', title: 'Checkpoints less often', reason });
  }
  return wishes;
}

function diskWishes({ settings }: SettingsReadings, { rotates }: Machine): Wish[] {
  if (rotates !== false) return [];
  const wishes: Wish[] = [];
  if ((settings['random_page_cost']?.value ?? 0) >= 2) {
    const reason = 'the disk has no moving parts, so a random read costs hardly more than one in sequence.';
    wishes.push({ name: 'random_page_cost', to: '1.1', title: 'Cheaper random reads', reason });
  }
  if ((settings['effective_io_concurrency']?.value ?? Infinity) <= 1) {
    const reason = 'the disk serves many reads at once.';
    wishes.push({ name: 'effective_io_concurrency', to: '200', title: 'More reads at once', reason });
  }
  return wishes;
}

function insightWishes({ settings }: SettingsReadings): Wish[] {
  const off = (name: string): boolean => settings[name]?.text === 'off';
  return [
    ...(off('log_lock_waits')
      ? [
          {
            name: 'log_lock_waits',
            to: 'on',
            title: 'Log waits for locks',
            reason: 'who waited for whom can not be told afterwards.',
          },
        ]
      : []),
    ...(off('track_io_timing')
      ? [
          {
            name: 'track_io_timing',
            to: 'on',
            title: 'Time reads and writes',
            reason: 'statements that wait for the disk look like those that compute.',
          },
        ]
      : []),
  ];
}

/** As the server shows it: whole megabytes, in GB where they are whole gigabytes. */
function memoryText(bytes: number): string {
  const megabytes = Math.max(1, Math.floor(bytes / megabyte / 16) * 16);
  return megabytes % 1024 === 0 ? `${megabytes / 1024}GB` : `${megabytes}MB`;
}

const megabyte = 1024 ** 2;
const gigabyte = 1024 ** 3;
