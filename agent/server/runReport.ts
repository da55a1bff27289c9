/** The report that a run has written, for those who read it elsewhere: from the folder of the agent's own procedures alone. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import type { MethodResult } from '../protocol/methods.ts';
import type { Run } from '../protocol/nouns.ts';
import { readingPlainly, RunDirectory } from '../run/directory.ts';
import { ResultsReader } from '../run/results.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { RequestError } from './requestError.ts';

/** In UTF-8; it has to fit into one answer, escaped. */
const longestReport = 2 * 1024 * 1024;
const reported = z.object({ reportFile: z.string() });

/**
 * Throws RequestError when the run has written none, or one that is not there any more, lies elsewhere or is too large. What a job
 * says of its report is but a name: the folder is that in which procedures keep theirs (`memory/PROCEDURE/reports`), no link is followed.
 */
export function readRunReport(
  run: Run,
  { runsRoot, secrets }: { readonly runsRoot: string; readonly secrets: Secrets },
): MethodResult<'runs.report'> {
  const file = reportFileOf(run, runsRoot, secrets);
  if (file === null || run.procedure === null)
    throw new RequestError('notFound', `The run ${run.id} has written no report.`);
  const name = basename(file);
  const folder = join(dirname(runsRoot), 'memory', run.procedure, 'reports');
  if (dirname(file) !== folder || !/^[\w.-]+\.(?:md|json)$/.test(name))
    throw new RequestError('notFound', `The report of this run is ${file} on the host: look at it there.`);
  return { name, format: name.endsWith('.md') ? 'markdown' : 'json', text: secrets.text(read(join(folder, name))) };
}

function reportFileOf(run: Run, runsRoot: string, secrets: Secrets): string | null {
  const directory = RunDirectory.of(runsRoot, run.id);
  if (directory === null) return null;
  const reader = new ResultsReader(directory.results, { finding: () => undefined, progress: () => undefined }, secrets);
  reader.readIfThere();
  return reported.safeParse(reader.end?.part).data?.reportFile ?? null;
}

function read(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, readingPlainly);
  } catch {
    throw new RequestError('notFound', `The report ${file} is not there any more: only the newest are kept.`);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new RequestError('notFound', `${file} is no file.`);
    if (stats.size > longestReport)
      throw new RequestError('refused', `The report ${file} is too large to be sent: look at it on the host.`);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}
