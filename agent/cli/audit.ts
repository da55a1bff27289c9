/** `upkeep audit verify`: on the store itself, whether or not an agent runs, and on the archives of its audit log. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { auditDestination } from '../config/logs.ts';
import { stemOf } from '../procedures/logs/manifest.ts';
import type { AuditVerification } from '../procedures/logs/auditJoin.ts';
import type { ChainLink } from '../store/audit.ts';
import { UsageError } from './errors.ts';
import { reportLine, writeJson, type Io } from './io.ts';
import { defaultConfigFile, defaultStateDirectory } from './paths.ts';

interface VerifyOptions {
  readonly archive: readonly string[];
  readonly head: readonly ChainLink[];
  readonly config?: string;
  readonly state?: string;
  readonly json?: true;
  readonly strict?: true;
}

export function registerAudit(program: Command, io: Io): void {
  const append =
    <T>(read: (text: string) => T) =>
    (text: string, before: readonly T[]): readonly T[] => [...before, read(text)];
  program
    .command('audit')
    .summary('the audit log')
    .command('verify')
    .summary('check that the audit log and its archives are one whole chain')
    .description(
      'Checks each entry of the audit log against its hash, each archive against its manifest, and that archives and log go on where the one before ends. Exit code 1 when anything was changed, removed or cut off. Note the head that it prints on another machine: with --head it is proven later that nothing up to there was changed or cut off.',
    )
    .option(
      '--archive <path>',
      'a folder of archives, or one archive; repeatable; by default the destination of archive-audit-logs',
      append((text) => text),
      [],
    )
    .option(
      '--head <seq:hash>',
      'a head noted earlier, which the log must still hold; repeatable',
      append(parseHead),
      [],
    )
    .option('--config <file>', 'maintenance.yaml, which names the destination of archives')
    .option('--state <dir>', "the agent's state folder")
    .option('--json', 'one JSON document on standard output')
    .option('--strict', 'exit code 3 when there are warnings')
    .action((options: VerifyOptions) => verify(options, io));
}

async function verify(options: VerifyOptions, io: Io): Promise<void> {
  const state = options.state ?? defaultStateDirectory(io.env);
  if (!existsSync(join(state, 'upkeep.db')))
    throw new UsageError(`There is no store in ${state}: start the agent once, or give --state.`);
  const places =
    options.archive.length > 0 ? given(options.archive) : { folders: await configured(options, io), files: [] };
  const { verifyAuditLog } = await import('../procedures/logs/auditVerify.ts');
  const controller = new AbortController();
  const result = await verifyAuditLog({ state, ...places, heads: options.head, signal: controller.signal });
  if (options.json === true) writeJson(io, result);
  else print(result, join(state, 'upkeep.db'), options, io);
  if (!result.ok) io.exitCode = 1;
  else if (options.strict === true && result.findings.length > 0) io.exitCode = 3;
}

function parseHead(text: string): ChainLink {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-fA-F]{64})$/.exec(text.trim()) ?? [];
  if (seq === undefined || hash === undefined)
    throw new UsageError(
      `--head ${text}: give it as "upkeep audit verify" prints it, a number, a colon and 64 hexadecimal digits.`,
    );
  return { seq: Number(seq), hash: hash.toLowerCase() };
}

function given(archives: readonly string[]): {
  readonly folders: readonly string[];
  readonly files: readonly string[];
} {
  const folders: string[] = [];
  const files: string[] = [];
  for (const archive of archives) {
    const place = resolve(archive);
    const stats = statSync(place, { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) folders.push(place);
    else if (stats === undefined) throw new UsageError(`--archive ${archive}: there is no such file or folder.`);
    else if (stemOf(place.slice(place.lastIndexOf('/') + 1)) === null)
      throw new UsageError(
        `--archive ${archive}: that is no archive of archive-audit-logs (audit-….tar.zst, or .tar.gz).`,
      );
    else files.push(place);
  }
  return { folders, files };
}

/** Where archive-audit-logs puts archives by the configuration; nowhere when there is none. */
async function configured(options: VerifyOptions, io: Io): Promise<readonly string[]> {
  const file = resolve(options.config ?? defaultConfigFile(io.env));
  if (options.config === undefined && !existsSync(file)) return [];
  const { procedures } = await import('../procedures/index.ts');
  const { config, secrets } = loadConfig({ file, env: io.env, procedures });
  io.secrets.learn(secrets);
  if (config === null) {
    if (options.config !== undefined) throw new UsageError(`The configuration ${file} can not be used.`);
    io.stderr.write(`The configuration ${file} can not be used, so no archive is looked at: give --archive.\n`);
    return [];
  }
  const folder = auditDestination(config.logs);
  return folder === undefined ? [] : [folder];
}

function print(result: AuditVerification, store: string, { head }: VerifyOptions, io: Io): void {
  const line = (verdict: 'PASS' | 'FAIL' | 'WARN', subject: string, message: string): void => {
    io.stdout.write(`${reportLine(`${verdict} `, subject, message)}\n`);
  };
  for (const { path, status, first, last } of result.archives) {
    if (status !== 'whole') continue;
    line('PASS', path, first === null ? 'whole, without entries of this log' : rangeText(first, last ?? first));
  }
  const { entries, trimmedThrough, findings } = result;
  const codes = new Set(findings.map(({ code }) => code));
  if (result.brokenAt === null && !findings.some(({ subject, level }) => subject === store && level === 'critical')) {
    const trimmed = trimmedThrough === 0 ? '' : `; those up to ${trimmedThrough} were archived and trimmed`;
    const range = entries === 0 ? 'no entries' : rangeText(trimmedThrough + 1, result.head?.seq ?? trimmedThrough);
    line('PASS', store, `${range}${trimmed}`);
  }
  if (!codes.has('audit.head'))
    for (const noted of head) line('PASS', `head ${noted.seq}`, 'the log still holds what was noted');
  for (const { level, subject, message } of findings) line(level === 'critical' ? 'FAIL' : 'WARN', subject, message);
  const verdict = result.ok ? 'the chain is whole' : 'the log can not be relied on';
  io.stdout.write(`${entries} ${entries === 1 ? 'entry' : 'entries'} in the store, ${verdict}\n`);
  if (result.head === null || !result.ok) return;
  io.stdout.write(
    `head ${result.head.seq}:${result.head.hash} of ${result.head.at}; note it on another machine, for --head\n`,
  );
}

function rangeText(first: number, last: number): string {
  return first === last ? `entry ${first}` : `entries ${first} to ${last}`;
}
