/** Run procedures with options of one's own, and the remedies of findings. */
import { randomUUID } from 'node:crypto';
import { errorCodes } from '../../agent/protocol/errors.ts';
import type { MethodResult } from '../../agent/protocol/methods.ts';
import type { Finding, ProcedureInfo, Remedy } from '../../agent/protocol/nouns.ts';
import { AgentError, messageOf } from '../client/errors.ts';
import { back, chosen } from '../dialogs.ts';
import { askOptions, type FilledForm } from '../procedure/askOptions.ts';
import type { Options } from '../procedure/optionsForm.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import { permits } from '../state/permissions.ts';
import { observationsOf } from '../views/healthModel.ts';
import type { Target } from '../views/node.ts';
import { procedureDetail } from '../views/procedureText.ts';
import { chooseHost, requireHost, requirePermission, targetAs, type Asking } from './choose.ts';
import { lookAgain, lookersAfter } from './lookAgain.ts';
import { choicesOf, previewOf } from './preview.ts';
import type { Following, StartedRuns } from './startedRuns.ts';

export interface ProcedureParts {
  readonly asking: Asking;
  readonly started: StartedRuns;
  readonly openOutput: (host: string, runId: string, task: string) => Promise<void>;
}

export function procedureCommands(parts: ProcedureParts): Pick<Handlers, 'runProcedure' | 'runRemedy'> {
  const { asking } = parts;
  return {
    runProcedure: async (target) => {
      const host = await chooseHost(asking, target, 'Run Procedure', 'procedures.run');
      if (host === undefined) return;
      for (;;) {
        const procedure = await chooseProcedure(asking, host);
        if (procedure === undefined) return;
        if ((await fillAndRun(parts, host, procedure)) !== back) return;
      }
    },

    runRemedy: async (target) => {
      const choice = await chooseRemedy(asking, target);
      if (choice === undefined) return;
      const { host, remedy } = choice;
      requirePermission(host, 'procedures.run');
      const preview = await previewOf(host, remedy.procedure, remedy.options);
      await confirmAndRun(parts, host, { ...remedy, dryRun: false }, preview);
    },
  };
}

interface Wanted {
  readonly procedure: string;
  readonly options: Options;
  readonly title: string;
  readonly dryRun: boolean;
}

/** Asks until the agent takes the options and the person confirms; `back` to choose another procedure. */
export async function fillAndRun(
  parts: ProcedureParts,
  host: Host,
  procedure: ProcedureInfo,
  options: Options = {},
): Promise<typeof back | undefined> {
  const { dialogs } = parts.asking;
  const title = `${procedure.title} on ${host.name}`;
  const known = await choicesOf(host, procedure.name);
  let filled: FilledForm = { options, dryRun: false };
  for (;;) {
    const reply = await askOptions({ dialogs, title, procedure, options: filled.options, known });
    if (reply === undefined || reply === back) return reply;
    filled = reply;
    try {
      const preview = await previewOf(host, procedure.name, filled.options);
      const wanted = { procedure: procedure.name, title: procedure.title, ...filled };
      await confirmAndRun(parts, host, wanted, preview);
      return undefined;
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== errorCodes.invalidParams) throw error;
      // Its options are wrong in a way that the schema does not say: back to the form with what was filled in.
      void dialogs.error(messageOf(error));
    }
  }
}

/** A dry run changes nothing and is not asked about; after it the real one is offered. */
async function confirmAndRun(
  parts: ProcedureParts,
  host: Host,
  { procedure, options, title, dryRun }: Wanted,
  preview: MethodResult<'procedures.preview'> | null,
): Promise<void> {
  if (dryRun) {
    const afterDryRun = async (): Promise<void> => {
      const now = await previewOf(host, procedure, options);
      await confirmAndRun(parts, host, { procedure, options, title, dryRun: false }, now);
    };
    await startProcedure(parts, host, { procedure, options, dryRun }, { afterDryRun });
    return;
  }
  const info = host.store.data?.procedures.find((one) => one.name === procedure) ?? null;
  const detail = procedureDetail({ host, procedure, options, info, preview, dryRun });
  if (!(await parts.asking.dialogs.confirm(`${title} on ${host.name}?`, detail, 'Run'))) return;
  await startProcedure(parts, host, { procedure, options, dryRun });
}

/** Starts it without a question, and shows its output. */
export async function startProcedure(
  { started, openOutput }: ProcedureParts,
  host: Host,
  { procedure, options, dryRun }: Pick<Wanted, 'procedure' | 'options' | 'dryRun'>,
  following: Pick<Following, 'afterDryRun'> = {},
): Promise<void> {
  const requestId = randomUUID();
  const { run } = await host.request('procedures.run', { procedure, options: { ...options }, requestId, dryRun });
  const lookers = dryRun ? null : lookersAfter(host, procedure);
  await started.watch(host, run, {
    ...following,
    ...(lookers === null ? {} : { ended: (ended) => lookAgain(host, ended, lookers) }),
  });
  await openOutput(host.name, run.id, run.task);
}

async function chooseProcedure({ dialogs }: Asking, host: Host): Promise<ProcedureInfo | undefined> {
  const procedures = [...(host.store.data?.procedures ?? [])].sort(
    (a, b) => a.area.localeCompare(b.area) || a.title.localeCompare(b.title),
  );
  if (procedures.length === 0) throw new Error(`${host.name} has no procedures`);
  const choices = procedures.map((procedure) => ({
    label: procedure.title,
    icon: procedure.changes ? 'tools' : 'search',
    description: `${procedure.area} · ${procedure.name}`,
    detail: procedure.summary,
    value: procedure,
  }));
  return chosen(await dialogs.pick(choices, { title: `Run Procedure on ${host.name}`, placeholder: 'Procedure' }));
}

interface Remediable {
  readonly host: Host;
  readonly finding: Finding;
  readonly remedy: Remedy;
}

async function chooseRemedy(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
): Promise<Pick<Remediable, 'host' | 'remedy'> | undefined> {
  const given = targetAs(target, 'finding');
  if (given !== undefined) {
    if (given.remedy === null) throw new Error('this finding has no remedy');
    return { host: requireHost(hosts, given.host), remedy: given.remedy };
  }
  const offered = hosts.all
    .filter((host) => host.client.state.kind === 'online' && permits(host.role, 'procedures.run'))
    .flatMap(remediesOf);
  if (offered.length === 0) throw new Error('no finding offers a remedy that you may run');
  const choices = offered.map(({ host, finding, remedy }) => ({
    label: remedy.title,
    description: host.name,
    detail: finding.message,
    value: { host, remedy },
  }));
  return chosen(await dialogs.pick(choices, { title: 'Run Remedy', placeholder: 'Remedy' }));
}

function remediesOf(host: Host): readonly Remediable[] {
  const { data } = host.store;
  if (data === null) return [];
  return observationsOf(data).flatMap(({ finding, remedy }) => (remedy === null ? [] : [{ host, finding, remedy }]));
}
