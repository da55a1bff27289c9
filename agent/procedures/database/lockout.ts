/** Whether work that locks readers and writers out may be done now: inside an open maintenance window, or by force. */
import type { ProcedureContext } from '../define.ts';

/**
 * Null when it may; else why not, as a clause. A run of the agent finds the window that was open when it began in UPKEEP_WINDOW,
 * and its end in UPKEEP_WINDOW_ENDS; nothing is begun after that.
 */
export function lockoutRefusal({ env, now }: Pick<ProcedureContext, 'env' | 'now'>, force: boolean): string | null {
  if (force) return null;
  if ((env['UPKEEP_WINDOW'] ?? '') === '') return 'no maintenance window is open';
  const ends = Date.parse(env['UPKEEP_WINDOW_ENDS'] ?? '');
  return Number.isNaN(ends) || now().getTime() < ends ? null : 'the maintenance window is over';
}
