/** Texts by which hosts, jobs, commits and certificates try to be more than text. */
import type { HostView } from '../../extension/state/host.ts';
import {
  ago,
  makeAlert,
  makeCertificate,
  makeFinding,
  makeHost,
  makeReport,
  makeRun,
  makeRunbook,
  makeSnapshot,
  makeTask,
  makeWindow,
} from './nouns.ts';

export const hostileTexts: Readonly<Record<string, string>> = {
  'an image with a handler': '<img src=x onerror="acquireVsCodeApi()">',
  'a script': '</script><script>acquireVsCodeApi()</script>',
  'a command link': '[log in](command:workbench.action.terminal.new?%5B%5D)',
  'the end of a link': 'harmless](command:workbench.action.quit)',
  'a web link': '[log in](https://evil.example.test/?x=1) <https://evil.example.test>',
  'an icon': '$(error) $(sync~spin) $(x)',
  'right-to-left override': 'invoice\u202Ecod.exe',
  isolates: '\u2066\u2067a\u2069\u061C\u200F',
  'invisible letters': 'ad\u200Bmin\u2060\uFEFF\u{E0041}',
  'terminal codes': '\u001B]8;;https://evil.example.test\u0007x\u001B]8;;\u0007\u001B[2J\u009B31m',
  'several lines': 'one\r\n# two\n\n- three\u2028four',
  'a template': '${workspaceFolder} ${env:HOME} {{7*7}} %s',
  'an attribute': '" onmouseover="acquireVsCodeApi()" x="',
  'an address': 'javascript:alert(1)',
};

/** A host that says this text wherever it can say something. */
export function hostileHost(text: string): HostView {
  const counts = { ok: 0, info: 0, warning: 1, critical: 1 };
  const run = makeRun({
    task: text,
    actor: text,
    reason: text,
    outcome: 'failed',
    outcomeReason: text,
    signal: text,
    findings: counts,
  });
  const running = makeRun({
    id: 'run-2',
    task: text,
    state: 'running',
    outcome: null,
    endedAt: null,
    durationMs: null,
    progress: { done: 1, total: 2, unit: text, message: text },
  });
  const waiting = makeRun({
    id: 'run-3',
    task: text,
    state: 'queued',
    outcome: null,
    endedAt: null,
    startedAt: null,
    durationMs: null,
    waitingFor: 'lock',
    waitingReason: text,
  });
  const finding = makeFinding({
    level: 'critical',
    code: 'disk.usage',
    subject: text,
    message: text,
    value: 1,
    unit: text,
    remedy: { procedure: 'health-check', options: { [text]: text }, title: text },
  });
  const certificate = makeCertificate({
    source: text,
    subject: `CN=${text}`,
    issuer: `CN=${text}`,
    names: [text],
    status: 'bad',
    level: 'critical',
    message: text,
    fingerprint: null,
    chain: [{ subject: text, issuer: text, notAfter: ago(1) }],
  });
  const snapshot = makeSnapshot();
  const procedure = {
    name: 'health-check',
    area: 'health',
    title: text,
    summary: text,
    changes: true,
    optionsSchema: {},
  };
  return makeHost(
    {
      host: { ...snapshot.host, name: text },
      config: {
        ...snapshot.config,
        file: text,
        stale: true,
        diagnostics: [{ line: 1, column: 1, severity: 'error', code: text, task: text, message: text }],
      },
      tasks: [
        makeTask({ name: text, description: text, group: text, schedule: text, zone: text, target: text }),
        makeTask({ name: `${text} refused`, problem: text, nextRun: null }),
      ],
      paused: { by: text, since: ago(1), reason: text },
      runs: [run, running, waiting],
      reports: [makeReport({ findings: [finding], certificates: [certificate] })],
      alerts: [
        makeAlert({ key: text, title: text, message: text }),
        makeAlert({
          id: 'alert-2',
          key: `${text}2`,
          title: text,
          message: text,
          state: 'acknowledged',
          acknowledgedBy: text,
        }),
      ],
      windows: [
        makeWindow({
          title: text,
          reason: text,
          openedBy: text,
          plan: [text],
          planRuns: ['run-1'],
          mode: { flagFile: text, on: false, problem: text },
        }),
        makeWindow({ id: 'window-2', title: text, state: 'closed', closedAt: ago(1), closedReason: text }),
      ],
      runbooks: [makeRunbook({ path: `/srv/${text}.md`, title: text })],
      procedures: [procedure],
    },
    { name: text },
  );
}
