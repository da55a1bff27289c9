/** Create the starter configuration; open the configuration of a host. */
import * as vscode from 'vscode';
import { chosen } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import { chooseHost, type Asking } from './choose.ts';

/** Files of media/starter, by their place in the workspace. */
const starterFiles = [
  'maintenance.yaml',
  'runbooks/database-maintenance-by-hand.md',
  'runbooks/certificate-about-to-expire.md',
] as const;

export function configurationCommands(
  asking: Asking,
  starterFolder: vscode.Uri,
  localConfigFile: () => vscode.Uri | null,
): Pick<Handlers, 'createConfiguration' | 'openConfiguration' | 'copyValue'> {
  return {
    createConfiguration: async () => {
      const folder = await chooseFolder(asking);
      if (folder === undefined) return;
      const kept: string[] = [];
      for (const file of starterFiles) {
        const goal = vscode.Uri.joinPath(folder, file);
        if (await exists(goal)) kept.push(file);
        else await vscode.workspace.fs.copy(vscode.Uri.joinPath(starterFolder, file), goal, { overwrite: false });
      }
      await vscode.window.showTextDocument(vscode.Uri.joinPath(folder, starterFiles[0]));
      if (kept.length > 0) void asking.dialogs.inform(`Left as they were: ${kept.join(', ')}.`);
    },

    openConfiguration: async (target) => {
      const own = localConfigFile();
      const host =
        target === undefined && own !== null ? undefined : await chooseHost(asking, target, 'Open Configuration');
      if (own !== null && (host === undefined || host.isLocal)) await vscode.window.showTextDocument(own);
      else if (host !== undefined) {
        const file = host.store.data?.config.file ?? null;
        const here = file === null || !host.isHere ? null : vscode.Uri.file(file);
        if (here !== null && vscode.workspace.getWorkspaceFolder(here) !== undefined) {
          await vscode.window.showTextDocument(here);
          return;
        }
        const where =
          file === null
            ? `${host.name} has no configuration yet.`
            : `The configuration of ${host.name} is ${file} on that host.`;
        void asking.dialogs.inform(where);
      }
    },

    copyValue: async (target) => {
      const text = target?.kind === 'text' ? target.text : target?.kind === 'certificate' ? target.source : null;
      if (text !== null) await vscode.env.clipboard.writeText(text);
    },
  };
}

async function chooseFolder({ dialogs }: Asking): Promise<vscode.Uri | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const [first] = folders;
  if (first === undefined) throw new Error('open a folder first: the configuration is a file of the workspace');
  if (folders.length === 1) return first.uri;
  const choices = folders.map((folder) => ({ label: folder.name, value: folder.uri }));
  return chosen(await dialogs.pick(choices, { title: 'Create Configuration', placeholder: 'Folder' }));
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
