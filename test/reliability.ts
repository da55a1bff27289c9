/** The attacks (V) and faults (F) that Upkeep must survive, by the ids that the titles of their tests carry, and the table of what their tests say. */
export interface CaseCounts {
  readonly passed: number;
  readonly failed: number;
}

/** By id. */
export type Cases = Readonly<Record<string, CaseCounts>>;

/** In the order of the table. Those `later` belong to parts that are still to come: a test of theirs is shown, none is no failure. */
const attacks = {
  V01: ['cross-site WebSocket hijacking', 'now'],
  V02: ['DNS rebinding', 'now'],
  V03: ['CSRF over HTTP', 'now'],
  V04: ['token in a URL or sent to a foreign host', 'now'],
  V05: ['secrets in logs, events and records', 'now'],
  V06: ['token theft from files', 'now'],
  V07: ['token guessing and timing', 'now'],
  V08: ['session outlives its revocation', 'now'],
  V09: ['exhaustion before and after login', 'now'],
  V10: ['crashes of Node HTTP and TLS', 'now'],
  V11: ['downgrade and wrong peer', 'now'],
  V12: ['unknown keys and environment that reach a job', 'now'],
  V13: ['command and argument injection', 'now'],
  V14: ['missing authorization', 'now'],
  V15: ['stored XSS through data', 'now'],
  V16: ['Markdown preview and webview', 'later'],
  V17: ['runbook to shell: hidden characters, placeholders', 'now'],
  V18: ['terminal re-run and escape codes', 'later'],
  V19: ['workspace trust bypass', 'now'],
  V20: ['local server of the extension', 'now'],
  V21: ['log rotation: links and races', 'now'],
  V22: ['archive restore', 'now'],
  V23: ['SQL and psql injection', 'now'],
  V24: ['certificate tools', 'now'],
  V25: ['hostile YAML', 'now'],
  V26: ['hostile cron expressions', 'now'],
  V27: ['ReDoS in log and date parsing', 'now'],
  V28: ['prototype pollution', 'now'],
  V29: ['path traversal by id', 'now'],
  V30: ['SSRF through webhooks and checks', 'now'],
  V31: ['hostile agent', 'later'],
  V32: ['environment of the caller, scripts of others', 'now'],
  V33: ['supply chain', 'now'],
} as const;

const faults = {
  F01: ['agent killed in mid run', 'now'],
  F02: ['killed in mid rotation', 'now'],
  F03: ['disk full: state folder', 'now'],
  F04: ['disk full: configuration, tokens, certificates', 'now'],
  F05: ['disk full: output', 'now'],
  F06: ['clock jumps', 'now'],
  F07: ['change of summer time while running', 'now'],
  F08: ['suspend and SIGSTOP', 'now'],
  F09: ['timers beyond 24.8 days', 'now'],
  F10: ['child ignores SIGTERM', 'now'],
  F11: ['grandchildren', 'now'],
  F12: ['grandchild keeps the pipe open', 'now'],
  F13: ['zombies', 'now'],
  F14: ['output flood', 'now'],
  F15: ['job closes its output, or its agent dies', 'now'],
  F16: ['stalled client', 'now'],
  F17: ['half-open socket', 'now'],
  F18: ['events over restarts and cuts', 'now'],
  F19: ['reconnect storm', 'now'],
  F20: ['client dies in mid runbook', 'now'],
  F21: ['command sent, answer lost', 'now'],
  F22: ['PostgreSQL backend killed', 'now'],
  F23: ['REINDEX CONCURRENTLY cancelled', 'now'],
  F24: ['lock time-out', 'now'],
  F25: ['psql exit codes', 'now'],
  F26: ['connection exhaustion', 'now'],
  F27: ['PostgreSQL down or silent', 'now'],
  F28: ['corrupt store', 'now'],
  F29: ['killed while writing history', 'now'],
  F30: ['broken configuration on reload', 'now'],
  F31: ['two agents on one state folder', 'now'],
  F32: ['port taken, address missing', 'now'],
  F33: ['overlapping windows', 'later'],
  F34: ['window over-run, agent dead at its end', 'later'],
  F35: ['incident during a window', 'later'],
  F36: ['renewal fails half-way', 'now'],
  F37: ['clock skew between agent and client', 'now'],
  F38: ['limits of descriptors, processes, memory', 'now'],
  F39: ['read-only, vanished or hanging files', 'now'],
  F40: ['soak of 30 days, compressed', 'now'],
  F41: ['upgrade and downgrade', 'now'],
  F42: ['signals in each state', 'now'],
} as const;

/** Whose titles the tests of `npm run test:attacks` and `npm run test:faults` have; a source for RegExp, as `mocha --grep` takes it. */
export const titlesOf = { attacks: '\\bV\\d\\d\\b', faults: '\\bF\\d\\d\\b' } as const;

export type CaseGroup = keyof typeof titlesOf;

const groups: Readonly<Record<CaseGroup, Readonly<Record<string, readonly [name: string, owed: 'now' | 'later']>>>> = {
  attacks,
  faults,
};

/** The ids in the title of a test, its suites' included. */
export function idsOf(title: string): string[] {
  return [...new Set(title.match(/\b[VF]\d\d\b/g))];
}

/** Adds up the counts of several steps. */
export function sumCases(parts: readonly Cases[]): Cases {
  const sum: Record<string, CaseCounts> = {};
  for (const [id, { passed, failed }] of parts.flatMap((part) => Object.entries(part))) {
    sum[id] = { passed: (sum[id]?.passed ?? 0) + passed, failed: (sum[id]?.failed ?? 0) + failed };
  }
  return sum;
}

/** Cases whose tests mount small file systems, which takes root and a kernel that lets it. */
export const needMount: ReadonlySet<string> = new Set(['F03', 'F05']);

/** One line for each case of these groups, and one for all. `excused`: cases that can not be tested on this machine. */
export function tableOf(
  wanted: readonly CaseGroup[],
  cases: Cases,
  excused: ReadonlySet<string> = new Set<string>(),
): string[] {
  const rows = wanted.flatMap((group) => Object.entries(groups[group]));
  const lines = rows.map(([id, [name, owed]]) => {
    const { passed, failed } = cases[id] ?? { passed: 0, failed: 0 };
    const tests = passed + failed;
    const [mark, says] =
      failed > 0
        ? ['✗', `${passed} passed, ${failed} failed`]
        : tests > 0
          ? ['✓', `${passed} passed`]
          : owed === 'later'
            ? ['·', 'later']
            : excused.has(id)
              ? ['·', 'not possible on this machine']
              : ['✗', 'no test'];
    return `${mark} ${id} ${name.padEnd(52)} ${String(tests).padStart(4)}  ${says}`;
  });
  const covered = rows.filter(([id]) => cases[id]?.failed === 0).length;
  return [...lines, `${covered} of ${rows.length} cases have tests and pass`];
}

/** What is wrong with the counts: cases that are owed and have no passing test, and ids that no case has. */
export function missingCases(
  wanted: readonly CaseGroup[],
  cases: Cases,
  excused: ReadonlySet<string> = new Set<string>(),
): string[] {
  const known = wanted.flatMap((group) => Object.keys(groups[group]));
  const letters = new Set(known.map((id) => id[0]));
  const owed = wanted.flatMap((group) => Object.entries(groups[group])).filter(([, [, when]]) => when === 'now');
  return [
    ...owed
      .filter(([id]) => (cases[id]?.passed ?? 0) === 0 && !excused.has(id))
      .map(([id, [name]]) => `${id} (${name}) has no passing test`),
    ...Object.keys(cases)
      .filter((id) => letters.has(id[0]) && !known.includes(id))
      .map((id) => `${id} is in the title of a test, and is no case`),
  ];
}
