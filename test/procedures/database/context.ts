/** A procedure's context for the tests: records what the procedure says. */
import * as z from 'zod';
import { sections, type Config } from '../../../agent/config/schema.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import type { Finding, Progress } from '../../../agent/protocol/nouns.ts';

export interface Recorded {
  readonly context: ProcedureContext;
  readonly findings: Finding[];
  readonly progress: Progress[];
  readonly lines: string[];
}

export function makeConfig(given: z.input<z.ZodObject<typeof sections>> = {}): Config {
  const { checks, ...parsed } = z.object(sections).parse(given);
  return { ...parsed, checks, tasks: [], baseDirectory: '/' };
}

export function record(
  config: Config,
  given: Partial<Pick<ProcedureContext, 'dryRun' | 'signal' | 'env' | 'now' | 'progress' | 'memoryDirectory'>> = {},
): Recorded {
  const recorded = { findings: [] as Finding[], progress: [] as Progress[], lines: [] as string[] };
  const context: ProcedureContext = {
    config,
    dryRun: false,
    signal: new AbortController().signal,
    env: {},
    memoryDirectory: '/nonexistent',
    now: () => new Date(),
    finding: (finding) => recorded.findings.push(finding),
    print: (line) => recorded.lines.push(line),
    ...given,
    progress: (progress) => {
      recorded.progress.push(progress);
      given.progress?.(progress);
    },
  };
  return { context, ...recorded };
}

export function codes(findings: readonly Finding[]): string[] {
  return findings.map((finding) => `${finding.level} ${finding.code}`);
}
