/** The full check of a large store, in a process of its own: it takes seconds, in which the agent must not stand still. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import * as z from 'zod';
import { wholeUpTo } from './examine.ts';
import { storeFile } from './openStore.ts';

const answer = z.object({ problem: z.string().nullable() });
const longestMs = 10 * 60_000;

/** Nothing when the start has checked the whole file already. `self` is argv that starts this Upkeep. */
export function storeCheck(
  self: readonly string[],
  directory: string,
): { readonly check?: () => Promise<string | null> } {
  if (statSync(storeFile(directory)).size <= wholeUpTo) return {};
  const [file = '', ...args] = self;
  return {
    check: async () => {
      const command = [...args, 'store', 'check', '--json', '--state', directory];
      // Exit code 1 = damaged, or the audit log was changed, with the same document.
      const { stdout } = await promisify(execFile)(file, command, { timeout: longestMs }).catch((error: unknown) => {
        if (error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' && error.stdout !== '')
          return { stdout: error.stdout };
        throw error;
      });
      // A changed audit log is not among them: a store made anew would not mend it.
      return answer.parse(JSON.parse(stdout)).problem;
    },
  };
}
