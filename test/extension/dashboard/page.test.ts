import assert from 'node:assert/strict';
import { commandCall } from '../../../extension/dashboard/commandCall.ts';
import { pageHtml } from '../../../extension/dashboard/page.ts';
import { commandIds, viewIds } from '../../../extension/ids.ts';
import { targetOf } from '../../../extension/views/node.ts';
import type { Command } from '../../../webview/dashboardSchema.ts';

const parts = {
  view: 'dashboard',
  title: 'Upkeep <Dashboard>',
  language: 'de"><script>',
  nonce: 'n0nce',
  cspSource: 'https://host.test',
  scriptUri: 'https://host.test/a.js?x=1&y="2"',
  styleUri: 'https://host.test/a.css',
};

describe('pageHtml', () => {
  it('allows our script and style sheet, and nothing else', () => {
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(pageHtml(parts))?.[1];
    assert.equal(policy, "default-src 'none'; style-src https://host.test 'nonce-n0nce'; script-src 'nonce-n0nce'");
  });

  it('holds no inline script, style or handler', () => {
    const html = pageHtml(parts);
    assert.deepEqual(html.match(/<script[^>]*>[^<]*/g)?.length, 1);
    assert.equal(/<style|style=|\son\w+=/.test(html), false);
  });

  it('escapes what it is given', () => {
    const html = pageHtml(parts);
    assert.match(html, /<html lang="de&quot;&gt;&lt;script&gt;">/);
    assert.match(html, /<title>Upkeep &lt;Dashboard&gt;<\/title>/);
    assert.match(html, /src="https:\/\/host\.test\/a\.js\?x=1&amp;y=&quot;2&quot;"/);
  });
});

describe('commandCall', () => {
  it('leads to commands and views that exist, with targets that they understand', () => {
    const known = new Set<string>([...Object.values(commandIds), ...Object.values(viewIds).map((id) => `${id}.focus`)]);
    const host = 'db-01';
    const commands: Command[] = [
      { name: 'openOutput', host, runId: 'r' },
      { name: 'acknowledgeAlert', host, alertId: 'a' },
      { name: 'extendWindow', host, windowId: 'w' },
      { name: 'endWindow', host, windowId: 'w' },
      { name: 'startWindow', host },
      { name: 'runChecks', host },
      { name: 'reconnect', host },
      { name: 'openConfiguration', host },
      { name: 'showCertificate', host, source: 'mail:465' },
      { name: 'addHost' },
      { name: 'createConfiguration' },
      { name: 'showLog' },
      { name: 'showView', view: 'certificates' },
    ];
    for (const command of commands) {
      const { id, target } = commandCall(command);
      assert.ok(known.has(id), id);
      assert.deepEqual(targetOf(target), target);
      if ('host' in command) assert.ok(target !== undefined && 'host' in target && target.host === host);
    }
  });
});
