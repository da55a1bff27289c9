/** rotate-logs as a process of its own, in a group of its own, as agents start it. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type * as z from 'zod';
import type { logSettings } from '../../../agent/config/logs.ts';
import { clearFakeTime } from '../../integration/fakeTime.ts';
import { findFakeTime } from '../../systemPackages.ts';
import type { Harness } from './harness.ts';

/** Gives environments for rotations of which each is a day later than the one before. */
export function calendar(): () => Record<string, string | undefined> {
  let days = 0;
  return () => {
    days += 1;
    clearFakeTime();
    return { ...process.env, LD_PRELOAD: findFakeTime() ?? undefined, FAKETIME: `+${days}d` };
  };
}

const here = import.meta.dirname;
const program = `
const { contextFor } = await import(process.argv[1]);
const { rotateLogs } = await import(process.argv[2]);
const { logs, harness } = JSON.parse(process.argv[3]);
const { context } = contextFor(logs, harness);
const { outcome } = await rotateLogs.execute({ force: true }, { ...context, env: process.env });
console.log(outcome);`;

/** `killAt`: see killAtStep.ts; null = without it. */
export function startRotation(
  harness: Pick<Harness, 'logs' | 'memory'>,
  logs: z.input<typeof logSettings>,
  env: NodeJS.ProcessEnv,
  killAt: number | null = null,
) {
  const preload = killAt === null ? [] : ['--import', path.join(here, 'killAtStep.ts')];
  const modules = ['archiveHarness.ts', '../../../agent/procedures/logs/rotateLogs.ts'];
  const given = JSON.stringify({ logs, harness: { logs: harness.logs, memory: harness.memory } });
  return spawn(
    process.execPath,
    [...preload, '--input-type=module', '--eval', program, ...modules.map((file) => path.join(here, file)), given],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...env, KILL_AT: String(killAt ?? 0) },
    },
  );
}
