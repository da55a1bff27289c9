/** Open runbooks and run their blocks. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Runbook, RunbookBlock } from '../../agent/protocol/nouns.ts';
import { placeholders } from '../../agent/runbook/blockProblem.ts';
import { hiddenCharacters } from '../../agent/runbook/hiddenCharacters.ts';
import { inspectRunbook, sha256Of } from '../../agent/runbook/inspect.ts';
import { chosen, type Choice } from '../dialogs.ts';
import { schemes } from '../ids.ts';
import { columnOfRunbook } from '../output/columns.ts';
import { blockName } from '../output/runPath.ts';
import type { Handlers } from '../registrar.ts';
import { parseRunbookUri, runbookUri } from '../runbook/hostRunbooks.ts';
import type { Host } from '../state/host.ts';
import type { WorkspaceRunbook } from '../views/runbooksModel.ts';
import type { Target } from '../views/node.ts';
import { counted } from '../views/text.ts';
import { chooseHost, targetAs, type Asking } from './choose.ts';
import type { RunDocuments } from './runCommands.ts';
import type { StartedRuns } from './startedRuns.ts';

/** Longer texts than this do not fit a dialog: the person then sees the block marked in the editor. */
const longestInDialog = 2000;
/** Digits of a hash that people compare. */
const shownHash = 12;

export function runbookCommands(
  asking: Asking,
  workspace: () => readonly WorkspaceRunbook[],
  documents: RunDocuments,
  started: StartedRuns,
): Pick<Handlers, 'openRunbook' | 'runBlock'> {
  return {
    openRunbook: async (target) => {
      const place = await chooseRunbook(asking, workspace(), target);
      if (place === undefined) return;
      const viewColumn = columnOfRunbook();
      const editor = await vscode.window.showTextDocument(place.uri, { preview: false, viewColumn });
      reveal(editor, place.line, place.line);
    },

    runBlock: async (target) => {
      const found = await findBlock(target);
      const { document, block, title: titleOfRunbook } = found;
      const own = document.uri.scheme === schemes.runbook ? (parseRunbookUri(document.uri)?.host ?? null) : null;
      const title = `Run Block of ${nameOf(document)}`;
      const wanted = found.host ?? own;
      const host = await chooseHost(
        asking,
        wanted === null ? undefined : { kind: 'host', host: wanted },
        title,
        'runbooks.runBlock',
      );
      if (host === undefined || !(await confirmBlock(asking, host, document, block))) return;
      const { index, language, text } = block;
      const { run } = await host.request('runbooks.runBlock', {
        requestId: randomUUID(),
        runbook: nameOf(document),
        index,
        language,
        text,
        sha256: sha256Of(text),
      });
      await started.watch(host, run);
      const name = blockName(titleOfRunbook === '' ? nameOf(document) : titleOfRunbook, block.heading, index);
      await documents.openBlockOutput(host.name, run.id, name);
    },
  };
}

interface Place {
  readonly uri: vscode.Uri;
  /** 1-based. */
  readonly line: number;
}

async function chooseRunbook(
  { hosts, dialogs }: Asking,
  workspace: readonly WorkspaceRunbook[],
  target: Target | undefined,
): Promise<Place | undefined> {
  const ofHost = targetAs(target, 'runbook');
  if (ofHost !== undefined) return { uri: runbookUri(ofHost.host, ofHost.path), line: 1 };
  const document = targetAs(target, 'document');
  if (document !== undefined) return { uri: vscode.Uri.parse(document.uri, true), line: document.line };
  const here = new Set(workspace.map((one) => one.sha256));
  const isElsewhere = ({ sha256 }: Runbook): boolean => !here.has(sha256);
  const choices: Choice<Place>[] = [
    ...workspace.map((one) => ({
      label: one.title,
      description: one.path,
      value: { uri: vscode.Uri.parse(one.uri, true), line: 1 },
    })),
    ...hosts.all.flatMap((host) =>
      (host.store.data?.runbooks ?? []).filter(isElsewhere).map((one) => ({
        label: one.title,
        description: `${host.name}: ${one.path}`,
        value: { uri: runbookUri(host.name, one.path), line: 1 },
      })),
    ),
  ];
  if (choices.length === 0)
    throw new Error('there is no runbook yet: put Markdown files into a folder "runbooks", or create a configuration');
  return chosen(await dialogs.pick(choices, { title: 'Open Runbook', placeholder: 'Runbook' }));
}

interface FoundBlock {
  readonly document: vscode.TextDocument;
  readonly block: RunbookBlock;
  /** Of the runbook; empty when it has none. */
  readonly title: string;
  readonly host: string | null;
}

/** The block of the target, or the one in which the cursor stands; as it is in the document now. */
async function findBlock(target: Target | undefined): Promise<FoundBlock> {
  const given = targetAs(target, 'block', 'document');
  const editor = vscode.window.activeTextEditor;
  if (given === undefined && editor?.document.languageId !== 'markdown')
    throw new Error('open a runbook and put the cursor into a block first');
  const document =
    given === undefined ? editor?.document : await vscode.workspace.openTextDocument(vscode.Uri.parse(given.uri, true));
  const line = given?.line ?? (editor?.selection.active.line ?? 0) + 1;
  const runbook = document === undefined ? undefined : inspectRunbook(document.getText());
  const block = runbook?.blocks.find((one) =>
    given === undefined ? one.line <= line && line <= one.endLine : one.line === line,
  );
  if (document === undefined || runbook === undefined || block === undefined)
    throw new Error(`there is no block at line ${line} any more: look at the runbook again`);
  refuseWhatMisleads(block);
  if (!block.runnable) {
    const why = block.problem ?? 'it needs a shell language, bash or sh';
    throw new Error(`the block at line ${block.line} can not be run: ${why}`);
  }
  return { document, block, title: runbook.title, host: given?.kind === 'block' ? given.host : null };
}

function refuseWhatMisleads(block: RunbookBlock): void {
  const [first, ...more] = hiddenCharacters(block.text);
  if (first === undefined) return;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  throw new Error(
    `line ${block.line + first.line}, column ${first.column} of the runbook holds ${first.name}${others}, which hides or reorders what is seen: remove it, then run the block`,
  );
}

async function confirmBlock(
  { dialogs }: Asking,
  host: Host,
  document: vscode.TextDocument,
  block: RunbookBlock,
): Promise<boolean> {
  const long = block.text.length > longestInDialog;
  if (long) reveal(await vscode.window.showTextDocument(document, { preview: false }), block.line, block.endLine);
  const open = placeholders(block.text).map((name) => `<${name}>`);
  const detail = [
    long
      ? `${counted(block.text.split('\n').length - 1, 'line')} of ${block.language}, marked in the editor behind this question.`
      : block.text.trimEnd(),
    ...(open.length === 0
      ? []
      : [`Placeholders are still in it: ${open.join(', ')}. A shell reads them as redirections.`]),
    `Host: ${host.name} (${host.place})\nSHA-256: ${block.sha256.slice(0, shownHash)}…`,
  ];
  return dialogs.confirm(`Run this ${block.language} block on ${host.name}?`, detail.join('\n\n'), 'Run');
}

function nameOf(document: vscode.TextDocument): string {
  const ofHost = parseRunbookUri(document.uri);
  return ofHost === null ? vscode.workspace.asRelativePath(document.uri) : ofHost.path;
}

function reveal(editor: vscode.TextEditor, first: number, last: number): void {
  const range = new vscode.Range(first - 1, 0, Math.max(first, last) - 1, 0);
  editor.selection = new vscode.Selection(range.start, range.end);
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
