/** From a run and its settings to its place in the queue. */
import type { Run } from '../protocol/nouns.ts';
import { isApproved } from './approval.ts';
import type { Ticket, Wait } from './queue.ts';
import type { RunSettings } from './settings.ts';

/** A dry run changes nothing, so it needs no lock and no turn. */
export function ticketOf(
  run: Run,
  settings: Pick<RunSettings, 'overlap' | 'locks' | 'group' | 'counted'>,
  more: { readonly notBefore: number | null; readonly ahead: boolean },
): Ticket {
  const turn = settings.overlap === 'allow' || run.kind === 'block' ? [] : [`task:${run.task}`];
  const locks = settings.locks.map((name) => `lock:${name}`);
  return {
    id: run.id,
    key: settings.group === null ? `task:${run.task}` : `group:${settings.group}`,
    claims: run.dryRun ? [] : [...new Set([...turn, ...locks])],
    group: settings.group,
    counted: settings.counted,
    ahead: more.ahead,
    notBefore: more.notBefore,
    approved: isApproved(run.approval),
  };
}

/** One sentence for the run while it waits; approvals have their own. */
export function waitText(wait: Exclude<Wait, { for: 'approval' }>): string {
  switch (wait.for) {
    case 'retry':
      return 'waits for its next attempt';
    case 'turn':
      return 'waits for its turn: an earlier run of the same task comes first';
    case 'lock':
      return `waits for the lock "${wait.lock}"`;
    case 'limit':
      return wait.group === null
        ? 'waits: as many runs as `runs.concurrency` allows are going on'
        : `waits: as many runs of the group "${wait.group}" as \`runs.groups\` allows are going on`;
  }
}
