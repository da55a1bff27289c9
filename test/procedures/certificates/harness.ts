/** What a run of a procedure about certificates needs of the world, and what it came to. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { checkCertificates } from '../../../agent/procedures/certificates/checkCertificates.ts';
import { verifyCertificate } from '../../../agent/procedures/certificates/verifyCertificate.ts';
import type { AnyProcedure, ProcedureContext } from '../../../agent/procedures/define.ts';
import { type Config, sections } from '../../../agent/config/schema.ts';
import { type Certificate, certificate, type Finding } from '../../../agent/protocol/nouns.ts';

export const day = 86_400_000;
export const now = new Date();

export function daysFromNow(days: number): Date {
  return new Date(now.getTime() + days * day);
}

/** 90 days, of which 80 are left. */
export const valid = { notBefore: daysFromNow(-10), notAfter: daysFromNow(80) } as const;

export interface Outcome {
  readonly outcome: string;
  readonly findings: readonly Finding[];
  readonly lines: readonly string[];
}

export interface CertificatesOutcome extends Outcome {
  readonly certificates: readonly Certificate[];
}

/** Runs `procedure` with `settings` as the section `certificates`. */
export async function perform(
  procedure: AnyProcedure,
  options: Record<string, unknown>,
  settings: Record<string, unknown> = {},
  world: Partial<ProcedureContext> = {},
): Promise<Outcome & { readonly part: Record<string, unknown> }> {
  const findings: Finding[] = [];
  const lines: string[] = [];
  const { outcome, part } = await procedure.execute(options, {
    config: configWith(settings),
    dryRun: false,
    signal: new AbortController().signal,
    env: {},
    memoryDirectory: tmpdir(),
    now: () => now,
    finding: (finding) => void findings.push(finding),
    progress: () => undefined,
    print: (line) => void lines.push(line),
    ...world,
  });
  return { outcome, findings, lines, part };
}

export async function check(
  options: Record<string, unknown>,
  settings: Record<string, unknown> = {},
  signal: AbortSignal = new AbortController().signal,
  time: Date = now,
): Promise<CertificatesOutcome> {
  const world = { signal, now: () => time };
  return withCertificates(await perform(checkCertificates, options, settings, world));
}

export async function verify(options: Record<string, unknown>, settings: Record<string, unknown> = {}) {
  return withCertificates(await perform(verifyCertificate, options, settings));
}

function withCertificates({ part, ...rest }: Awaited<ReturnType<typeof perform>>): CertificatesOutcome {
  return { ...rest, certificates: z.object({ certificates: z.array(certificate) }).parse(part).certificates };
}

/** The certificate of a check of one source. */
export async function checkOne(options: Record<string, unknown>, settings?: Record<string, unknown>) {
  const { certificates } = await check(options, settings);
  if (certificates.length !== 1) throw new Error(`${certificates.length} certificates instead of one`);
  return certificates[0]!;
}

/** A folder of its own for each test, gone afterwards. */
export class Folder {
  #path = '';

  async create(): Promise<void> {
    this.#path = await mkdtemp(join(tmpdir(), 'upkeep-certificates-'));
  }

  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true });
  }

  path(...parts: string[]): string {
    return join(this.#path, ...parts);
  }

  async write(name: string, content: string | Buffer, mode = 0o600): Promise<string> {
    await writeFile(this.path(name), content, { mode });
    return this.path(name);
  }
}

export function configWith(settings: Record<string, unknown>): Config {
  const given = { ...Object.fromEntries(Object.keys(sections).map((key) => [key, undefined])), certificates: settings };
  return { ...z.object(sections).parse(given), tasks: [], baseDirectory: tmpdir() };
}
