import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificatesModel } from '../../../extension/views/certificatesModel.ts';
import { healthModel } from '../../../extension/views/healthModel.ts';
import { maintenanceModel } from '../../../extension/views/maintenanceModel.ts';
import { tooltipLines, type TreeNode } from '../../../extension/views/node.ts';
import { runbooksModel } from '../../../extension/views/runbooksModel.ts';
import { statusModel } from '../../../extension/views/statusModel.ts';
import { tasksModel } from '../../../extension/views/tasksModel.ts';
import { hidden, plain, withoutIcons, withoutLinks } from '../../../extension/views/text.ts';
import { sourcesWith } from '../../sources.ts';
import { hostileHost, hostileTexts } from '../hostileTexts.ts';
import { now } from '../nouns.ts';
import { flat } from '../outline.ts';

const root = join(import.meta.dirname, '..', '..', '..');

const models: Readonly<Record<string, (text: string) => readonly TreeNode[]>> = {
  Tasks: (text) => tasksModel([hostileHost(text)], now),
  Health: (text) => healthModel([hostileHost(text)], now),
  Certificates: (text) => certificatesModel([hostileHost(text)], now),
  Maintenance: (text) => maintenanceModel([hostileHost(text)], now),
  Runbooks: (text) => {
    const checklist = { checked: 0, total: 1 };
    const blocks = [{ line: 1, heading: text, firstLine: text, runnable: true }];
    const own = {
      uri: 'file:///a.md',
      file: '/a.md',
      path: text,
      title: text,
      sha256: '0'.repeat(64),
      checklist,
      blocks,
    };
    return runbooksModel([hostileHost(text)], [own]);
  },
};

const shownBy = (node: TreeNode): string[] => [
  node.label,
  ...[node.description, node.spoken].filter((text) => text !== undefined),
  ...tooltipLines(node),
];

const iconsIn = (text: string): string[] => text.match(/\$\([^)]*\)/g) ?? [];

describe('hostile text in the views', () => {
  for (const [view, model] of Object.entries(models)) {
    for (const [what, text] of Object.entries(hostileTexts)) {
      it(`V15: ${view} shows ${what} as one line of text, all of it visible`, () => {
        const texts = flat(model(text)).flatMap(shownBy);
        for (const shown of texts) {
          assert.doesNotMatch(shown, new RegExp(hidden.source, 'u'), JSON.stringify(shown));
          assert.doesNotMatch(shown, /[\r\n]/);
          assert.ok(shown.length < 2000);
        }
        const seen = plain(text).slice(0, 12);
        assert.ok(
          texts.some((shown) => shown.includes(seen)),
          `nothing of ${JSON.stringify(seen)} is shown`,
        );
      });
    }
  }

  it('V15: the status bar draws no icon and no link that a host names', () => {
    for (const text of Object.values(hostileTexts)) {
      const { text: label, tooltip, spoken } = statusModel([hostileHost(text)], now);
      assert.deepEqual(iconsIn(label), iconsIn(statusModel([hostileHost('harmless')], now).text));
      for (const shown of [label, spoken, ...tooltip]) assert.doesNotMatch(shown, new RegExp(hidden.source, 'u'));
    }
  });

  it('V15: notifications and quick picks make no link and no icon of what a host says', () => {
    // As vs/base/common/linkedText.ts finds links, and labels find icons.
    const link = /\[(?:[^\]]+)\]\((?:(?:https?:\/\/|command:|file:)[^)\s]+)(?: (?:"|').+?(?:"|'))?\)/i;
    for (const [what, text] of Object.entries(hostileTexts)) {
      for (const message of [
        text,
        `${text} [Show](command:workbench.action.quit)`,
        `[${text}](https://evil.example.test)`,
      ]) {
        const shown = withoutLinks(message);
        assert.doesNotMatch(shown, link, what);
        assert.doesNotMatch(shown, new RegExp(hidden.source, 'u'), what);
        assert.deepEqual(iconsIn(withoutIcons(message)), [], what);
      }
    }
    assert.match('[Show](command:workbench.action.quit)', link);
    const dialogs = readFileSync(join(root, 'extension', 'editorDialogs.ts'), 'utf8');
    const shows = dialogs.match(/show(?:Information|Warning|Error)Message\((?:withoutLinks|plain)\(message\)/g);
    assert.equal(shows?.length, dialogs.match(/show(?:Information|Warning|Error)Message/g)?.length);
  });

  it('V15: no text of a host becomes HTML, a trusted link or an icon anywhere in the sources', () => {
    const using = (pattern: RegExp): readonly string[] => sourcesWith(['extension', 'webview'], pattern);
    const allowing = /\b(?:isTrusted|supportHtml|supportThemeIcons|enableScripts)\s*[:=]\s*(?:true|\{)/;
    // The dashboard's own page runs its own script, under a policy that lets in nothing else.
    assert.deepEqual(using(allowing), ['extension/dashboard/dashboard.ts']);
    assert.deepEqual(using(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment/), []);
    assert.deepEqual(using(/\beval\(|new Function\(|setHTML/), []);
    for (const name of using(/new vscode\.MarkdownString\(/)) {
      const text = readFileSync(join(root, name), 'utf8');
      assert.match(text, /isTrusted = false/, name);
      // What is not fixed is made character references, as appendText lets through tags and addresses.
      for (const [, argument = ''] of text.matchAll(/appendMarkdown\(([^)]*)\)/g))
        assert.match(argument, /^(?:'[^$]*'|asMarkdownText\(\w+)$/, name);
      assert.doesNotMatch(text, /appendText|appendCodeblock/, name);
      assert.doesNotMatch(text, /new vscode\.MarkdownString\([^)]/, name);
    }
  });
});
