/** The renewal of one certificate, told by its fingerprint before and after, whatever the tool says of itself. */
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { type CertificateSettings, domainName } from '../../config/certificates.ts';
import { instant } from '../../protocol/nouns.ts';
import { writeFileAtomic } from '../../store/atomicWrite.ts';
import { messageOf } from '../../thrown.ts';
import type { ProcedureContext } from '../define.ts';
import { makeMemory } from '../memory.ts';
import type { Yardstick } from './analyse.ts';
import { authoritiesOf } from './authorities.ts';
import { mendLiveLinks } from './liveLinks.ts';
import { otherAuthority, prepareCertbot, type RenewalTool } from './certbot.ts';
import type { Reading } from './contents.ts';
import { dayInMs } from './expiry.ts';
import { findingsOf } from './findings.ts';
import { coversName, plain } from './names.ts';
import { createPace } from './pace.ts';
import { lineageOf, pairFiles, type PairFiles, type PairRead, readPair } from './pair.ts';
import { day } from './problems.ts';
import { findProgram, type Program, runProgram } from './program.ts';
import { loadTrustedRoots } from './roots.ts';

const issued = z.object({ fingerprint: z.string(), notAfter: instant });

export const renewal = z.object({
  domain: z.string(),
  /** File of the certificate. */
  certificate: z.string(),
  /** `planned` only with --dry-run. */
  action: z.enum(['renewed', 'not_due', 'planned', 'failed']),
  /** What went wrong, also where there is a new certificate all the same (a hook that failed); null = nothing. */
  problem: z.string().nullable(),
  before: issued.nullable(),
  after: issued.nullable(),
});
export type Renewal = z.infer<typeof renewal>;

export interface Renewer {
  readonly renew: (domain: string) => Promise<Renewal>;
}

export async function createRenewer(context: ProcedureContext, force: boolean): Promise<Renewer> {
  const pace = createPace(context.signal);
  const { password } = context.config.certificates;
  const roots = await loadTrustedRoots(await authoritiesOf(undefined, context), context.env, pace);
  const world: World = {
    context,
    force,
    // What was issued a moment ago is not yet valid by a clock that was read before.
    yardstick: () => ({ now: context.now(), warnDays: undefined, roots }),
    // Nothing may be remembered: the same file is read before and after.
    reading: () => ({ password, pace, signal: context.signal, seen: new Map(), answering: new Set(), loose: true }),
  };
  return { renew: (domain) => renewOne(domain, world) };
}

interface World {
  readonly context: ProcedureContext;
  readonly force: boolean;
  readonly yardstick: () => Yardstick;
  readonly reading: () => Reading;
}

interface Wanted {
  readonly domain: string;
  /** The domain and the further names of the certificate. */
  readonly names: readonly string[];
  readonly files: PairFiles;
}

async function renewOne(domain: string, world: World): Promise<Renewal> {
  const { context } = world;
  const wanted = wantedFor(domain, context.config.certificates);
  const { files } = wanted;
  await mendLinks(domain, context);
  const before = await readPair(files, domain, world.reading(), world.yardstick());
  const known = { domain, certificate: files.cert, before: issuedOf(before), after: issuedOf(before) };
  const fail = (problem: string): Renewal => {
    const message = `The certificate of ${domain} is not renewed: ${problem}.`;
    context.finding({ level: 'critical', code: 'certificates.renewal', subject: domain, message });
    return { ...known, action: 'failed', problem };
  };
  const { status, reasons } = before.analysis.certificate;
  if (status === 'unreadable' && !reasons.includes('missing')) {
    return fail(`whether it is due can not be told: ${endOf(before)}`);
  }
  try {
    return await renewKnown(wanted, before, known, world);
  } catch (error) {
    context.signal.throwIfAborted();
    return fail(plain(messageOf(error)));
  }
}

/** What a run that was killed in the midst of certbot may have left out. */
async function mendLinks(domain: string, { config: { certificates }, dryRun, print }: ProcedureContext): Promise<void> {
  if (dryRun || certificates.renew_command !== undefined) return;
  for (const link of await mendLiveLinks(certificates.certbot.config_dir, lineageOf(domain)))
    print(`${link} was missing, as when certbot is killed; it is there again.`);
}

type Known = Omit<Renewal, 'action' | 'problem'>;

async function renewKnown(wanted: Wanted, before: PairRead, known: Known, world: World): Promise<Renewal> {
  const { context, force } = world;
  const { domain, files } = wanted;
  const pending = new PendingRenewal(context.memoryDirectory, domain);
  const cutShort = await pending.read();
  const hasNew = cutShort !== null && known.before !== null && cutShort !== known.before.fingerprint;
  const due = hasNew
    ? because('the hook of a run that was cut short is owed')
    : (whyDue(before, wanted, context.now()) ?? (await whyMoved(domain, context)));
  if (due === null && !force) {
    if (!context.dryRun) await pending.clear();
    context.print(notDue(before, domain));
    return { ...known, action: 'not_due', problem: null };
  }
  const { deploy_hook: words } = context.config.certificates;
  const hook = words === undefined ? null : await findProgram(words, context.env);
  const tool = await toolFor(wanted, before, context);
  if (context.dryRun) {
    context.print(
      `The certificate of ${domain} would be renewed (${due?.why ?? 'asked for'}) by ${tool.program.shown}`,
    );
    return { ...known, action: 'planned', problem: null };
  }
  let toolProblem: string | null = null;
  if (!hasNew || force) {
    await pending.write(known.before?.fingerprint ?? null);
    context.print(`Running ${tool.program.shown}`);
    toolProblem = await runRenewal(tool, context);
  }
  const after = await readPair(files, domain, world.reading(), world.yardstick());
  const now = { ...known, after: issuedOf(after) };
  const result = await judge(
    wanted,
    now,
    after,
    { toolProblem, hasNew, due: due?.why ?? null, byTime: due?.byTime ?? false },
    world,
    hook,
  );
  await pending.clear();
  return result;
}

interface Circumstances {
  readonly toolProblem: string | null;
  /** An earlier run got a new certificate and was cut short before its hook. */
  readonly hasNew: boolean;
  readonly due: string | null;
  /** The end of the one before is the reason. */
  readonly byTime: boolean;
}

async function judge(
  { domain, files }: Wanted,
  known: Known,
  after: PairRead,
  { toolProblem, hasNew, due, byTime }: Circumstances,
  { context, force }: World,
  hook: Program | null,
): Promise<Renewal> {
  const told = (level: 'ok' | 'warning' | 'critical', message: string): void => {
    context.finding({ level, code: 'certificates.renewal', subject: domain, message });
  };
  const failed = (problem: string): Renewal => {
    told('critical', `The certificate of ${domain} is not renewed: ${problem}.`);
    return { ...known, action: 'failed', problem };
  };
  const isNew = hasNew || (known.after !== null && known.after.fingerprint !== known.before?.fingerprint);
  if (!isNew) {
    if (toolProblem !== null) return failed(toolProblem);
    const kept = `the tool ended well, but ${files.cert} holds no other certificate than before`;
    if (force || known.before === null || after.pair === null) return failed(kept);
    told('warning', `The certificate of ${domain} is due (${due ?? ''}), and ${kept}; look at what the tool said.`);
    return { ...known, action: 'not_due', problem: null };
  }
  if (after.pair === null) {
    for (const finding of findingsOf(after.analysis, context.config.certificates)) context.finding(finding);
    return failed(`the new one in ${files.cert} can not be used: ${endOf(after)}`);
  }
  const { after: now, before } = known;
  // Two that are issued in one second end together, which matters only where the end was the reason.
  const isLater = before === null || now === null || now.notAfter > before.notAfter;
  if (!hasNew && !isLater && (byTime || now.notAfter < before.notAfter)) {
    told(
      'warning',
      `The new certificate of ${domain} ends on ${now.notAfter.slice(0, 10)}, no later than the one before.`,
    );
  }
  const hookProblem = hook === null ? null : await runHook(hook, files, after, context);
  const problem = toolProblem ?? hookProblem;
  const until = now?.notAfter.slice(0, 10) ?? '';
  if (problem === null) told('ok', `The certificate of ${domain} is renewed, until ${until}.`);
  else told('critical', `The certificate of ${domain} is renewed, until ${until}, but ${problem}.`);
  return { ...known, action: 'renewed', problem };
}

function wantedFor(domain: string, settings: CertificateSettings): Wanted {
  const same = (one: { readonly domain: string }): boolean => one.domain.toLowerCase() === domain.toLowerCase();
  const entry = settings.renew.find(same);
  const target = settings.deploy.find((one) => same(one) && one.cert !== undefined);
  return {
    domain,
    names: [...new Set([domain, ...(entry?.names ?? [])])],
    files: pairFiles(
      { domain, cert: entry?.cert ?? target?.cert, key: entry?.key ?? target?.key, chain: target?.chain },
      settings,
    ),
  };
}

interface Due {
  /** As people read it. */
  readonly why: string;
  readonly byTime: boolean;
}

function because(why: string): Due {
  return { why, byTime: false };
}

/** Null while it is not time. */
function whyDue({ analysis, pair }: PairRead, { names }: Wanted, now: Date): Due | null {
  const { notBefore, notAfter, reasons, status, names: held } = analysis.certificate;
  if (notBefore === null || notAfter === null) return pair === null ? because('there is no sound certificate') : null;
  if (reasons.includes('key_mismatch')) return because('its private key is that of another one');
  const absent = names.find((name) => !coversName(held, name));
  if (absent !== undefined) return because(`it does not hold ${absent}`);
  if (status === 'expired') return { why: 'it has expired', byTime: true };
  const lifetime = Date.parse(notAfter) - Date.parse(notBefore);
  const left = Date.parse(notAfter) - now.getTime();
  return left <= lifetime * shareLeft(lifetime) ? { why: `it ends on ${notAfter.slice(0, 10)}`, byTime: true } : null;
}

/** What is wrong otherwise is the business of check-certificates, and no reason for or against a renewal. */
function notDue({ analysis }: PairRead, domain: string): string {
  const { notBefore, notAfter, level, message } = analysis.certificate;
  if (notBefore === null || notAfter === null) return `The certificate of ${domain} is not due.`;
  const lifetime = Date.parse(notAfter) - Date.parse(notBefore);
  const from = day(new Date(Date.parse(notAfter) - lifetime * shareLeft(lifetime)));
  const until = `The certificate of ${domain} is not due: it ends on ${notAfter.slice(0, 10)} and is renewed from ${from} on.`;
  return level === 'ok' || level === 'info' ? until : `${until} ${message}`;
}

async function whyMoved(domain: string, { config: { certificates } }: ProcedureContext): Promise<Due | null> {
  if (certificates.renew_command !== undefined) return null;
  const why = await otherAuthority(lineageOf(domain), certificates.certbot);
  return why === null ? null : because(why);
}

/**
 * Two fifths of its lifetime: before check-certificates warns at a third, so that a certificate that renews itself never does. Half of
 * it where that is less than five days (the advice for 6-day certificates, https://letsencrypt.org/docs/profiles/).
 */
function shareLeft(lifetime: number): number {
  return lifetime < 10 * dayInMs ? 0.5 : 0.4;
}

async function toolFor({ domain, names }: Wanted, before: PairRead, context: ProcedureContext): Promise<RenewalTool> {
  const { renew_command: words, renew_timeout: timeout } = context.config.certificates;
  if (words === undefined) {
    const covered = names.every((name) => coversName(before.analysis.certificate.names, name));
    return prepareCertbot({ lineage: lineageOf(domain), names, covered }, context);
  }
  const program = await findProgram([...words, domain], context.env);
  return { program, name: program.shown, env: {}, timeout, problemIn: () => null };
}

/** Null = the tool says that all went well. */
async function runRenewal(tool: RenewalTool, { env, signal }: ProcedureContext): Promise<string | null> {
  const program = { ...tool.program, shown: tool.name };
  const { problem, lines } = await runProgram(program, tool.timeout, { env, signal }, { env: tool.env });
  return tool.problemIn(lines, problem === null) ?? problem;
}

const hookTimeout = 120_000;

/** Names come from the certificate, so from outside: only those that are DNS names are handed on, and as data. */
async function runHook(
  hook: Program,
  files: PairFiles,
  { analysis }: PairRead,
  { env, signal, print }: ProcedureContext,
): Promise<string | null> {
  print(`Running ${hook.shown}`);
  const names = analysis.certificate.names.filter((name) => domainName.safeParse(name).success);
  const further = { RENEWED_LINEAGE: dirname(files.cert), RENEWED_DOMAINS: names.join(' ') };
  const { problem } = await runProgram(hook, hookTimeout, { env, signal }, { env: further });
  return problem === null ? null : `its hook failed: ${problem}`;
}

function issuedOf({ analysis }: PairRead): z.infer<typeof issued> | null {
  const { fingerprint, notAfter } = analysis.certificate;
  return fingerprint === null || notAfter === null ? null : { fingerprint, notAfter };
}

/** The worst that is wrong, for the end of a sentence. */
function endOf({ analysis }: PairRead): string {
  return analysis.certificate.message.replace(/\.$/, '');
}

const pendingText = z.object({ before: z.string().nullable() });

/** Remembers over a kill that a renewal is under way: its hook is owed once there is a new certificate. */
class PendingRenewal {
  readonly #file: string;

  constructor(directory: string, domain: string) {
    this.#file = join(directory, `pending-${domain.toLowerCase().replace('*', '_')}.json`);
  }

  /** Fingerprint before it, empty when there was none; null = none is under way. */
  async read(): Promise<string | null> {
    const text = await readFile(this.#file, 'utf8').catch(() => null);
    return text === null ? null : (pendingText.parse(JSON.parse(text)).before ?? '');
  }

  async write(before: string | null): Promise<void> {
    await makeMemory(dirname(this.#file));
    await writeFileAtomic(this.#file, JSON.stringify({ before }));
  }

  async clear(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}
