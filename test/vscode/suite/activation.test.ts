import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { commandIds, viewIds } from '../../../extension/ids.ts';

function upkeep(): vscode.Extension<unknown> {
  const extension = vscode.extensions.getExtension('upkeep.upkeep');
  assert.ok(extension, 'VS Code does not know the extension');
  return extension;
}

describe('extension in VS Code', () => {
  it('activates', async () => {
    await upkeep().activate();
    assert.equal(upkeep().isActive, true);
  });

  it('registers the commands that its manifest promises, and no others', async () => {
    await upkeep().activate();
    const all = await vscode.commands.getCommands(true);
    const manifest = upkeep().packageJSON as {
      readonly contributes: { readonly commands: readonly { readonly command: string }[] };
    };
    const promised = manifest.contributes.commands.map((entry) => entry.command);
    // VS Code makes commands for the views itself: upkeep.tasks.focus and the like.
    const ofViews = new RegExp(`^(${Object.values(viewIds).join('|').replaceAll('.', '\\.')})\\.`);
    const registered = all.filter((command) => command.startsWith('upkeep.') && !ofViews.test(command));
    assert.deepEqual(registered.sort(), promised.sort());
    for (const command of Object.values(commandIds)) assert.ok(registered.includes(command), command);
  });

  for (const id of Object.values(viewIds))
    it(`can show the view ${id}`, async () => {
      await vscode.commands.executeCommand(`${id}.focus`);
    });
});
