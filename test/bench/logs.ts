/**
 * BENCHMARKS section 5: the three reports of analyze-logs, each as a process of its own, beside the least that reading the file
 * costs and beside the programs that people use. Sizes: 300 MB and 100 MB (peers: 60 MB and 15 MB of the same), with `--full`
 * 1 GB and 500 MB for all; `--peers` installs goaccess and pgbadger where they are missing.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ensureSystemPackages, findProgram } from '../systemPackages.ts';
import { median, type Figure } from './figure.ts';
import { writeAccessLog, writePostgresLog } from './logGenerators.ts';

const rounds = 3;
const bundle = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');
const newlines = join(import.meta.dirname, 'floor', 'newlines.mjs');
const failurePattern = '" 5[0-9][0-9] ';

interface Measured {
  /** Lines per second, median of the rounds. */
  readonly rate: number;
  /** The most of all rounds. */
  readonly peakMB: number;
  /** Errors that the report counts. */
  readonly errors: number;
  /** Requests or statements with a duration. */
  readonly counted: number;
}

const full = process.argv.includes('--full');

export async function logs(): Promise<readonly Figure[]> {
  if (process.argv.includes('--peers'))
    for (const missing of ensureSystemPackages(['goaccess', 'pgbadger'])) console.log(missing);
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-bench-'));
  try {
    const [access, postgres] = [join(folder, 'access.log'), join(folder, 'postgresql.log')];
    const accessLines = writeAccessLog(access, full ? 1e9 : 3e8);
    const postgresLines = writePostgresLog(postgres, full ? 5e8 : 1e8);
    return [
      ...(await accessFigures(folder, access, accessLines)),
      ...(await postgresFigures(folder, postgres, postgresLines)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function accessFigures(folder: string, file: string, lines: number): Promise<readonly Figure[]> {
  const floors: Record<'wc' | 'node' | 'grep', number[]> = { wc: [], node: [], grep: [] };
  const [reports, scans]: [Measured[], Measured[]] = [[], []];
  let failures = 0;
  for (let round = 0; round < rounds; round += 1) {
    floors.wc.push(lines / secondsOf(() => execFileSync('wc', ['-l', file], { stdio: 'ignore' })));
    floors.node.push(newlineRate(file));
    // To a pipe: grep stops at the first match when it writes to /dev/null.
    const grep = secondsOf(() => {
      failures = Number(execFileSync('grep', ['-c', failurePattern, file], { env: { ...process.env, LC_ALL: 'C' } }));
    });
    floors.grep.push(lines / grep);
    scans.push(await analyze(folder, file, 'error'));
    reports.push(await analyze(folder, file, 'performance'));
  }
  const [report, scan] = [combine(reports), combine(scans)];
  if (scan.errors !== failures || report.errors !== failures) {
    throw new Error(`${scan.errors} and ${report.errors} errors, grep counts ${failures}`);
  }
  const [wc, node, grep] = [median(floors.wc), median(floors.node), median(floors.grep)];
  const [peerFile, output] = [full ? file : join(folder, 'peer.log'), join(folder, 'goaccess.json')];
  const goaccess = await besidePeer('goaccess', {
    lines: full ? lines : () => writeAccessLog(peerFile, 6e7),
    ours: () => analyze(folder, file, 'performance'),
    args: [peerFile, '--log-format=COMBINED', '--no-global-config', '--no-progress', '-o', output],
    output,
    counts: (text) => {
      const { general, status_codes: codes } = goaccessCounts.parse(JSON.parse(text));
      return [general.valid_requests, codes.data.find(({ data }) => data.startsWith('5xx'))?.hits.count ?? 0];
    },
    own: async () => {
      const { counted, errors } = await analyze(folder, peerFile, 'performance');
      return [counted, errors];
    },
  });
  return [
    figure('access report beside a newline count in Node', report.rate, node, { atLeast: 700_000 }),
    figure('access report beside wc -l', report.rate, wc, null),
    ...(goaccess === null
      ? []
      : [
          figure('access report beside GoAccess', goaccess.ours, goaccess.peer, {
            atLeast: Math.round(goaccess.peer * 25),
          }),
        ]),
    { name: 'access report, peak memory', unit: 'MB', ours: report.peakMB, floor: null, goal: { atMost: 150 } },
    figure('error scan beside grep -c', scan.rate, grep, { atLeast: 3_500_000 }),
    figure('error scan beside a newline count in Node', scan.rate, node, null),
    figure('error scan beside wc -l', scan.rate, wc, null),
    { name: 'error scan, peak memory', unit: 'MB', ours: scan.peakMB, floor: null, goal: { atMost: 150 } },
  ];
}

async function postgresFigures(folder: string, file: string, lines: number): Promise<readonly Figure[]> {
  const floor: number[] = [];
  const reports: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) {
    floor.push(newlineRate(file));
    reports.push(await analyze(folder, file, 'performance'));
  }
  const report = combine(reports);
  const [peerFile, output] = [full ? file : join(folder, 'peer.log'), join(folder, 'pgbadger.json')];
  const prefix = '%t [%p]: user=%u,db=%d,app=%a,client=%h ';
  const badger = await besidePeer('pgbadger', {
    lines: full ? lines : () => writePostgresLog(peerFile, 1.5e7),
    ours: () => analyze(folder, file, 'performance'),
    args: ['-q', '-f', 'stderr', '-p', prefix, '-o', output, peerFile],
    output,
    counts: (text) => [badgerCounts.parse(JSON.parse(text)).overall_stat.queries_number],
    own: async () => [(await analyze(folder, peerFile, 'performance')).counted],
  });
  return [
    figure('PostgreSQL report beside a newline count in Node', report.rate, median(floor), { atLeast: 200_000 }),
    ...(badger === null
      ? []
      : [
          figure('PostgreSQL report beside pgBadger', badger.ours, badger.peer, {
            atLeast: Math.round(badger.peer * 16),
          }),
        ]),
    { name: 'PostgreSQL report, peak memory', unit: 'MB', ours: report.peakMB, floor: null, goal: { atMost: 120 } },
  ];
}

function figure(name: string, ours: number, floor: number, goal: Figure['goal']): Figure {
  return { name, unit: 'lines/s', ours, floor, goal };
}

function combine(measured: readonly Measured[]): Measured {
  return {
    rate: median(measured.map(({ rate }) => rate)),
    peakMB: Math.max(...measured.map(({ peakMB }) => peakMB)),
    errors: measured[0]?.errors ?? 0,
    counted: measured[0]?.counted ?? 0,
  };
}

const goaccessCounts = z.object({
  general: z.object({ valid_requests: z.number() }),
  status_codes: z.object({ data: z.array(z.object({ data: z.string(), hits: z.object({ count: z.number() }) })) }),
});
const badgerCounts = z.object({ overall_stat: z.object({ queries_number: z.number() }) });

const answer = z.object({
  startedAt: z.string(),
  endedAt: z.string(),
  files: z.tuple([
    z.object({
      lines: z.number(),
      levels: z.object({ error: z.number() }),
      requests: z.object({ count: z.number() }).optional(),
      statements: z.object({ count: z.number() }).optional(),
    }),
  ]),
});

/** The rate is that of the procedure, from its start to its report; the memory that of its process. */
async function analyze(folder: string, file: string, report: string): Promise<Measured> {
  const child = spawn(process.execPath, [bundle, 'analyze-logs', '--file', file, '--report', report, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], HOME: folder, XDG_STATE_HOME: folder, UPKEEP_STATE: folder },
  });
  const ended = once(child, 'exit');
  let peakMB = 0;
  const watched = async (): Promise<void> => {
    while (child.exitCode === null && child.signalCode === null) {
      peakMB = Math.max(peakMB, highWater(child.pid));
      await sleep(20);
    }
  };
  const [output] = await Promise.all([text(child.stdout), ended, watched()]);
  const { startedAt, endedAt, files } = answer.parse(JSON.parse(output));
  const seconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  const [{ lines, levels, requests, statements }] = files;
  const counted = requests?.count ?? statements?.count ?? 0;
  return { rate: lines / seconds, peakMB, errors: levels.error, counted };
}

/** Largest resident size so far (proc(5), VmHWM); 0 when the process has ended. */
function highWater(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function newlineRate(file: string): number {
  const output = execFileSync(process.execPath, [newlines, file], { encoding: 'utf8' });
  const { lines, seconds } = z.object({ lines: z.number(), seconds: z.number() }).parse(JSON.parse(output));
  return lines / seconds;
}

/**
 * Lines per second of one run of the peer, processes included, and of ours just before and just after it; null where the program is not
 * installed.
 */
async function besidePeer(
  name: string,
  given: {
    /** Of its file, which is written first where it is another one than ours. */
    readonly lines: number | (() => number);
    readonly ours: () => Promise<Measured>;
    readonly args: readonly string[];
    /** Where its report is, what that counts, and what ours counts in the same file. */
    readonly output: string;
    readonly counts: (report: string) => readonly number[];
    readonly own: () => Promise<readonly number[]>;
  },
): Promise<{ readonly ours: number; readonly peer: number } | null> {
  const program = findProgram(name);
  if (program === null) return null;
  const lines = typeof given.lines === 'number' ? given.lines : given.lines();
  const before = await given.ours();
  const peer = lines / secondsOf(() => execFileSync(program, given.args, { stdio: 'ignore' }));
  const after = await given.ours();
  const [theirs, own] = [given.counts(readFileSync(given.output, 'utf8')), await given.own()];
  if (String(theirs) !== String(own)) throw new Error(`${name} counts ${String(theirs)}, analyze-logs ${String(own)}`);
  console.log(
    `  ${name}: load ${loadavg()[0]?.toFixed(1)}, ours ${Math.round(before.rate)} and ${Math.round(after.rate)}`,
  );
  return { ours: (before.rate + after.rate) / 2, peer };
}

function secondsOf(work: () => unknown): number {
  const begun = performance.now();
  work();
  return (performance.now() - begun) / 1000;
}
