/** The work of `verify-certificate`. Outcomes are those of check-certificates, of one file that is taken by its name to the letter. */
import { resolve } from 'node:path';
import * as z from 'zod';
import { certificate, type Finding } from '../../protocol/nouns.ts';
import { codeOf, messageOf } from '../../thrown.ts';
import { outcomeOf, type ProcedureContext } from '../define.ts';
import { type Analysis, analyse, type Problem, withProblem, type Yardstick } from './analyse.ts';
import { authoritiesOf } from './authorities.ts';
import { createListing, readKey } from './beside.ts';
import { withCare } from './care.ts';
import { within } from './concurrently.ts';
import type { KeyState } from './keyState.ts';
import { plain } from './names.ts';
import { createPace } from './pace.ts';
import { learntNothing, report } from './report.ts';
import { loadTrustedRoots } from './roots.ts';
import { type FileReading, readSourceFile } from './sourceFile.ts';
import type { VerifyCertificateOptions } from './verifyCertificate.ts';

export const part = z.object({ certificates: z.array(certificate) });

export async function run(given: VerifyCertificateOptions, context: ProcedureContext) {
  const pace = createPace(context.signal);
  const { password, timeout } = context.config.certificates;
  const reading: FileReading = {
    password,
    pace,
    signal: context.signal,
    seen: new Map(),
    answering: new Set(),
    listing: createListing(),
    timeout,
    host: given.host ?? null,
  };
  const roots = await loadTrustedRoots(await authoritiesOf(given.ca, context), context.env, pace);
  const analysis = await verify(resolve(given.cert), given.key, reading, {
    now: context.now(),
    warnDays: given.warnDays,
    roots,
  });
  const findings = await report([analysis], context, pace);
  if (given.key !== undefined) findings.push(...tellLockedKey(analysis, context));
  const certificates = [analysis.certificate];
  return {
    outcome: learntNothing(certificates) ? ('failed' as const) : outcomeOf(findings, 'unchanged'),
    part: { certificates: await withCare(certificates, context.config.certificates) },
  };
}

/** The certificate may be well, yet what was asked for is not known. */
function tellLockedKey({ problems, certificate: { source } }: Analysis, context: ProcedureContext): Finding[] {
  const locked = problems.filter(({ reason }) => reason === 'needs_password');
  const findings = locked.map(({ message }): Finding => ({
    ...{ level: 'warning', code: 'certificates.key', subject: source },
    message,
  }));
  findings.forEach(context.finding);
  return findings;
}

async function verify(
  path: string,
  keyFile: string | undefined,
  reading: FileReading,
  yardstick: Yardstick,
): Promise<Analysis> {
  const read = await readSourceFile({ path, named: true }, reading);
  // Null is for files of a folder, and this one is named.
  if (read === null) throw new Error(`The file ${path} holds no certificate.`);
  if ('analysis' in read) return read.analysis;
  if (keyFile === undefined) return analyse(read.material, yardstick);
  const key = await keyNamed(resolve(keyFile), reading);
  if ('kind' in key) return analyse({ ...read.material, key }, yardstick);
  return withProblem(analyse({ ...read.material, key: { kind: 'none' } }, yardstick), key);
}

/** A key that somebody names must be there: not to find one is a problem, other than with the one that may lie beside. */
async function keyNamed(file: string, reading: FileReading): Promise<KeyState | Problem> {
  let detail: string;
  let missing = false;
  try {
    const key = await within(reading.timeout, readKey(file, true, reading));
    if (key.kind !== 'none') return key;
    detail = 'it holds no private key';
  } catch (error) {
    reading.signal.throwIfAborted();
    missing = codeOf(error) === 'ENOENT';
    detail = missing ? 'there is no such file' : plain(messageOf(error));
  }
  return {
    aspect: 'key',
    reason: missing ? 'missing' : null,
    level: 'critical',
    message: `The private key ${plain(file)} can not be compared with its certificate: ${detail}; name the key that belongs to it in --key.`,
  };
}
