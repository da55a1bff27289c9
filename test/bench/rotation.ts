/** BENCHMARKS section 4: archives of large and of many logs beside gzip(1), zstd(1) and logrotate(8). UPKEEP_FULL=1 = 1 GB. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../systemPackages.ts';
import { median, type Figure } from './figure.ts';

const bytes = process.env['UPKEEP_FULL'] === '1' ? 1e9 : 150e6;
const smallFiles = 2000;
const rounds = 3;
const agent = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');

export async function rotation(): Promise<readonly Figure[]> {
  const root = mkdtempSync(join(tmpdir(), 'upkeep-bench-'));
  try {
    const large = makeLarge(join(root, 'large'));
    const small = makeSmall(join(root, 'small'));
    const figures: Figure[] = [];
    for (const [compression, floor, ratio] of [
      ['gzip', ['gzip', '-6'], 1.06],
      ['zstd', ['zstd', '-3', '-q'], 1.5],
    ] as const) {
      const ours: Sample[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        theirs.push(
          timed(() =>
            spawnSync(floor[0], [...floor.slice(1), '-c', large], { stdio: ['ignore', 'ignore', 'inherit'] }),
          ),
        );
        ours.push(await archive(root, join(root, 'large'), compression));
      }
      figures.push(
        ...figuresOf(`${Math.round(bytes / 1e6)} MB by ${compression}, verified`, ours, median(theirs), ratio),
      );
    }
    const ours: Sample[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      theirs.push(logrotate(root, small));
      ours.push(await archive(root, small, 'gzip'));
    }
    figures.push(...figuresOf(`${smallFiles} files of 50 kB by gzip, verified`, ours, median(theirs), 0.55));
    return figures;
  } finally {
    rmSync(root, { recursive: true });
  }
}

interface Sample {
  readonly seconds: number;
  readonly peakBytes: number;
}

function figuresOf(name: string, samples: readonly Sample[], floor: number, ratio: number): readonly Figure[] {
  const goal = { atMost: Number((floor * ratio).toPrecision(3)) };
  return [
    { name, unit: 's', ours: median(samples.map(({ seconds }) => seconds)), floor, goal },
    {
      ...{ name: `${name}: memory at most`, unit: 'MB', floor: null, goal: null },
      ours: median(samples.map(({ peakBytes }) => peakBytes / 1e6)),
    },
  ];
}

/** The command as it ships, on a copy, from its start to its end. */
async function archive(root: string, from: string, compression: string): Promise<Sample> {
  const work = mkdtempSync(join(root, 'work-'));
  const logs = join(work, 'logs');
  cpSync(from, logs, { recursive: true, preserveTimestamps: true });
  const config = join(work, 'maintenance.yaml');
  const settings = { paths: [join(logs, '*.log')], destination: join(work, 'archive'), compression };
  writeFileSync(config, JSON.stringify({ maintenance: { logs: { archive: settings } } }));
  const begun = performance.now();
  const child = spawn(process.execPath, [agent, 'archive-logs', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, UPKEEP_STATE: join(work, 'state') },
  });
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid));
  }, 10);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(timer);
  const seconds = (performance.now() - begun) / 1000;
  if (code !== 0 || readdirSync(logs).length > 0) throw new Error(`archive-logs ended with ${String(code)}`);
  rmSync(work, { recursive: true });
  return { seconds, peakBytes };
}

function logrotate(root: string, from: string): number {
  const work = mkdtempSync(join(root, 'logrotate-'));
  const logs = join(work, 'logs');
  cpSync(from, logs, { recursive: true });
  const config = join(work, 'conf');
  writeFileSync(config, `"${logs}/*" {\n rotate 7\n daily\n compress\n create 0644\n}\n`, { mode: 0o600 });
  const program = findProgram('logrotate') ?? 'logrotate';
  const seconds = timed(() => spawnSync(program, ['-f', '-s', join(work, 'state'), config], { stdio: 'inherit' }));
  rmSync(work, { recursive: true });
  return seconds;
}

function timed(work: () => { readonly status: number | null }): number {
  const begun = performance.now();
  if (work().status !== 0) throw new Error('a floor failed');
  return (performance.now() - begun) / 1000;
}

function makeLarge(folder: string): string {
  mkdirSync(folder);
  const file = join(folder, 'access.log.1');
  const handle = openSync(file, 'w');
  for (let written = 0, line = 0; written < bytes;) {
    const text = Array.from({ length: 10_000 }, () => accessLine((line += 1))).join('');
    written += writeSync(handle, text);
  }
  closeSync(handle);
  utimesSync(file, 1_600_000_000, 1_600_000_000);
  return file;
}

function makeSmall(folder: string): string {
  mkdirSync(folder);
  for (let index = 0; index < smallFiles; index += 1) {
    const file = join(folder, `s${index}.log.1`);
    writeFileSync(file, Array.from({ length: 240 }, (_, line) => accessLine(index * 240 + line)).join(''));
    utimesSync(file, 1_600_000_000, 1_600_000_000);
  }
  return folder;
}

function accessLine(line: number): string {
  const hash = (Math.imul(line, 2_654_435_761) >>> 0).toString();
  const size = Number(hash) % 50_000;
  return `10.${line % 200}.${Number(hash) % 256}.${line % 251} - - [12/Mar/2024:10:${String(line % 60).padStart(2, '0')}:${String(Number(hash) % 60).padStart(2, '0')} +0000] "GET /api/v1/items/${hash}?page=${line % 97} HTTP/1.1" 200 ${size} "https://app.example.com/list" "Mozilla/5.0 (X11; Linux x86_64; rv:${100 + (line % 30)}.0) Gecko/20100101 Firefox/${100 + (line % 30)}.0" 0.${hash.slice(0, 3)}\n`;
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
