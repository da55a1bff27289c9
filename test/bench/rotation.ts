/**
 * BENCHMARKS section 4: archives of one large log and of many small ones, and rotation, beside the programs that people use and the
 * least that Node can do. 150 MB, with UPKEEP_FULL=1 1 GB (and two rounds instead of three, a part at a time below two minutes);
 * `--only=gzip,zstd,small,plain` measures some parts, `--peers` installs pigz where it is missing.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSystemPackages, findProgram } from '../systemPackages.ts';
import { median, type Figure } from './figure.ts';
import { writeAccessLog } from './logGenerators.ts';
import {
  archive,
  atLowPriority,
  logrotate,
  packEach,
  rotate,
  seconds,
  startOfCommand,
  type Run,
} from './rotationRuns.ts';

const full = process.env['UPKEEP_FULL'] === '1';
const bytes = full ? 1e9 : 150e6;
const rounds = full ? 2 : 3;
const smallFiles = 2000;
const smallBytes = 50_000;
const packFloor = join(import.meta.dirname, 'floor', 'pack.mjs');

const parts: Readonly<Record<string, (root: string) => readonly Figure[]>> = {
  gzip: (root) => large(root, 'gzip'),
  zstd: (root) => large(root, 'zstd'),
  small,
  plain,
};

export function rotation(): Promise<readonly Figure[]> {
  if (process.argv.includes('--peers')) for (const missing of ensureSystemPackages(['pigz'])) console.log(missing);
  const only = process.argv
    .find((argument) => argument.startsWith('--only='))
    ?.slice('--only='.length)
    .split(',');
  const unknown = only?.filter((name) => !Object.hasOwn(parts, name)) ?? [];
  if (unknown.length > 0) throw new Error(`--only=${unknown.join(',')}: say any of ${Object.keys(parts).join(', ')}.`);
  const root = mkdtempSync(join(tmpdir(), 'upkeep-bench-'));
  try {
    return Promise.resolve((only ?? Object.keys(parts)).flatMap((name) => parts[name]?.(root) ?? []));
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Times and sizes of programs of the same run, by name. */
class Rounds {
  readonly #runs = new Map<string, Run[]>();

  add(name: string, run: Run): void {
    this.#runs.set(name, [...(this.#runs.get(name) ?? []), run]);
  }

  seconds(name: string): number {
    return median(this.#of(name).map((run) => run.seconds));
  }

  megabytes(name: string): number {
    return median(this.#of(name).map((run) => run.bytes / 1e6));
  }

  /** The most of all rounds. */
  memory(name: string): number {
    return Math.max(...this.#of(name).map((run) => run.peakBytes / 1e6));
  }

  /** Ours beside the other, with a goal that is a share of it. */
  beside(what: string, other: string, share: number | null): readonly Figure[] {
    if (!this.#runs.has(other)) return [];
    const floor = this.seconds(other);
    const goal = share === null ? null : { atMost: Number((floor * share).toPrecision(3)) };
    return [{ name: `${what} beside ${other}`, unit: 's', ours: this.seconds('ours'), floor, goal }];
  }

  #of(name: string): readonly Run[] {
    return this.#runs.get(name) ?? [];
  }
}

const tools = {
  gzip: { command: ['gzip', '-6'], share: { node: 1.06, logrotate: 0.63 }, within: 10.5 },
  zstd: { command: ['zstd', '-3', '-q'], share: { node: 1.1, logrotate: 1.5 }, within: 3.2 },
} as const;

function large(root: string, compression: 'gzip' | 'zstd'): readonly Figure[] {
  const { command, share, within } = tools[compression];
  const log = makeLarge(join(root, 'large'));
  const took = new Rounds();
  const tool = command.join(' ').replace(' -q', '');
  const pigz = compression === 'gzip' ? findProgram('pigz') : null;
  for (let round = 0; round < rounds; round += 1) {
    took.add(tool, packTo(join(root, 'packed'), command, log));
    if (pigz !== null) took.add('pigz -6', packTo(join(root, 'packed'), [pigz, '-6'], log));
    took.add('one stream of Node', {
      ...nothing,
      seconds: seconds(atLowPriority([process.execPath, packFloor, compression, log])),
    });
    took.add('logrotate', logrotate(root, join(root, 'large'), compression));
    took.add('ours', archive(root, join(root, 'large'), compression));
    took.add('idle', archive(root, null, compression));
  }
  const what = `${Math.round(bytes / 1e6)} MB by ${compression}, verified,`;
  const [ours, size] = [took.seconds('ours'), took.megabytes(tool)];
  return [
    ...took.beside(what, 'one stream of Node', share.node),
    ...took.beside(what, 'logrotate', share.logrotate),
    ...took.beside(what, 'pigz -6', 0.8),
    ...took.beside(what, tool, null),
    ...(full ? [{ name: `${what} in all`, unit: 's', ours, floor: null, goal: { atMost: within } }] : []),
    ...(full && pigz !== null
      ? [{ name: `${what} with two cores`, unit: 's', ours, floor: null, goal: { atMost: 6 } }]
      : []),
    {
      ...{ name: `${what} its size beside ${tool}`, unit: 'MB', ours: took.megabytes('ours'), floor: size },
      goal: compression === 'gzip' ? { atMost: Number(size.toFixed(2)) } : null,
    },
    memory(what, took),
  ];
}

function small(root: string): readonly Figure[] {
  const folder = makeSmall(join(root, 'small'));
  const took = new Rounds();
  for (let round = 0; round < rounds; round += 1) {
    took.add('logrotate', logrotate(root, folder, 'gzip'));
    took.add('Node, one after the other', packEach(root, folder));
    took.add('ours', archive(root, folder, 'gzip'));
    took.add('idle', archive(root, null, 'gzip'));
  }
  const what = `${smallFiles} files of 50 kB by gzip, verified,`;
  return [
    ...took.beside(what, 'logrotate', 0.55),
    ...took.beside(what, 'Node, one after the other', 1.1),
    memory(what, took),
  ];
}

function plain(root: string): readonly Figure[] {
  const folder = makeSmall(join(root, 'small'));
  const took = new Rounds();
  const [inside, start]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    took.add('logrotate', logrotate(root, folder, null));
    const ours = rotate(root, folder);
    took.add('ours', ours.run);
    inside.push(ours.inside);
    start.push(startOfCommand(root));
  }
  const floor = took.seconds('logrotate');
  const name = `rotate-logs of ${smallFiles} small files, not packed`;
  return [
    {
      name: `${name}, in the process`,
      unit: 's',
      ours: median(inside),
      floor,
      goal: { atMost: Number((floor * 1.6).toPrecision(3)) },
    },
    { name: `${name}, the whole command`, unit: 's', ours: took.seconds('ours'), floor, goal: null },
    { name: 'of it, the start of Node and the program', unit: 's', ours: median(start), floor: null, goal: null },
  ];
}

const nothing: Run = { seconds: 0, bytes: 0, peakBytes: 0 };

/** Over the same command with nothing to do. */
function memory(what: string, took: Rounds): Figure {
  const idle = took.memory('idle');
  return {
    ...{ name: `${what} memory over idle (${idle.toFixed(0)} MB)`, unit: 'MB', floor: null, goal: { atMost: 60 } },
    ours: took.memory('ours') - idle,
  };
}

/** By a program of the system; its output is thrown away once its size is known. */
function packTo(place: string, command: readonly string[], log: string): Run {
  const [program, ...args] = atLowPriority(command);
  const output = openSync(place, 'w');
  const begun = performance.now();
  const { status } = spawnSync(program ?? '', [...args, '-c', log], { stdio: ['ignore', output, 'inherit'] });
  const took = (performance.now() - begun) / 1000;
  closeSync(output);
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  const { size } = statSync(place);
  rmSync(place);
  return { seconds: took, bytes: size, peakBytes: 0 };
}

function makeLarge(folder: string): string {
  const file = join(folder, 'access.log.1');
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return file;
  mkdirSync(folder);
  writeAccessLog(file, bytes);
  utimesSync(file, 1_600_000_000, 1_600_000_000);
  return file;
}

function makeSmall(folder: string): string {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) return folder;
  mkdirSync(folder);
  const whole = join(folder, '..', 'whole.log');
  writeAccessLog(whole, smallFiles * (smallBytes + 1000));
  const text = readFileSync(whole);
  for (let index = 0, at = 0; index < smallFiles; index += 1) {
    const end = text.indexOf('\n', at + smallBytes) + 1;
    const file = join(folder, `s${index}.log.1`);
    writeFileSync(file, text.subarray(at, end));
    utimesSync(file, 1_600_000_000, 1_600_000_000);
    at = end;
  }
  rmSync(whole);
  return folder;
}
