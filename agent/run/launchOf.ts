/** What is kept of a request until its run has ended; secrets only by their names. */
import type { Run } from '../protocol/nouns.ts';
import type { Seal } from '../secrets/seal.ts';
import type { Launch, RunDirectory } from './directory.ts';
import { checkScript } from './ownership.ts';
import { settingsOf, type RunRequest } from './request.ts';

/** Throws with one sentence when its script may not be run. */
export function launchOf(run: Run, request: RunRequest, directory: RunDirectory, seal: Seal): Launch {
  const settings = settingsOf(request);
  const script = request.script ?? null;
  return {
    run,
    command: seal.close([...request.command(directory)]),
    self: request.self ?? false,
    options: seal.close(request.options ?? null),
    script,
    // What is approved is the script as it is now.
    scriptSha256: script !== null && settings.approval !== null ? checkScript(script) : null,
    deadline: null,
    timeoutMs: request.timeoutMs,
    alertOn: request.alertOn,
    settings: { ...settings, onAbort: seal.close(settings.onAbort) },
    ahead: false,
    claims: [],
    environmentOf: request.kind === 'task' ? request.task : null,
    variables: run.dryRun ? { UPKEEP_DRY_RUN: '1' } : {},
  };
}
