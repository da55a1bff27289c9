/** The work of `health-check`: services, resources against their thresholds, databases; all at once, each by itself. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { checkCertificates } from '../certificates/checkCertificates.ts';
import { databaseHealthFindings } from '../database/health.ts';
import { missingFrom } from '../../config/relied.ts';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { runCheck } from './check.ts';
import type { HealthCheck } from './check.ts';
import { cpuCheck } from './cpu.ts';
import { diskCheck, listMounts } from './disk.ts';
import type { DiskUsage } from './disk.ts';
import type { HealthCheckOptions } from './healthCheck.ts';
import { memoryCheck } from './memory.ts';
import { serviceCheck } from './services.ts';
import type { ServiceState } from './services.ts';
import { systemChecks } from './system.ts';

export const part = z.object({
  /** What was measured; null = it could not be. */
  resources: z.object({
    disks: z.array(
      z.object({
        mount: z.string(),
        device: z.string(),
        type: z.string(),
        totalBytes: z.number(),
        availableBytes: z.number(),
        usedPercent: z.number(),
        inodesUsedPercent: z.number().nullable(),
      }),
    ),
    memory: z
      .object({
        totalBytes: z.number(),
        availableBytes: z.number(),
        usedPercent: z.number(),
        swapTotalBytes: z.number(),
        swapUsedBytes: z.number(),
        limit: z.enum(['host', 'container']),
      })
      .nullable(),
    cpu: z
      .object({ usedPercent: z.number(), cores: z.number(), load: z.tuple([z.number(), z.number(), z.number()]) })
      .nullable(),
    services: z.array(z.object({ name: z.string(), available: z.boolean(), latencyMs: z.number().nullable() })),
  }),
});
export type HealthCheckPart = z.infer<typeof part>;

export async function run(
  { full }: HealthCheckOptions,
  given: ProcedureContext,
): Promise<ProcedureResult<HealthCheckPart>> {
  const { context, findings } = remembering(given);
  const { config } = context;
  let looked = 0;
  const look = async <Measured>(check: HealthCheck<Measured>): Promise<Measured | null> => {
    const result = await runCheck(check, context.finding, context.signal);
    if (result === null) return null;
    looked += result.findings.length;
    return result.measured;
  };
  const [disks, memory, cpu, services] = await Promise.all([
    look(allDisks(context, full, look)),
    look(memoryCheck(config.thresholds.memory_usage_percent)),
    look(cpuCheck(config.thresholds.cpu_usage_percent)),
    Promise.all(config.health.services.map((service) => look<ServiceState>(serviceCheck(service)))),
    look(databaseCheck(context)),
    ...(full ? [...systemChecks(), certificateCheck(context)].map((check) => look(check)) : []),
  ]);
  return {
    outcome: looked === 0 ? 'failed' : outcomeOf(findings, 'unchanged'),
    part: {
      resources: {
        disks: [...(disks ?? [])],
        memory,
        cpu: cpu === null ? null : { ...cpu, load: [...cpu.load] },
        services: services.filter((service) => service !== null),
      },
    },
  };
}

/** Lists the mounts, then measures each as a check of its own. */
function allDisks(
  { config }: ProcedureContext,
  full: boolean,
  look: (check: HealthCheck<DiskUsage>) => Promise<DiskUsage | null>,
): HealthCheck<readonly DiskUsage[]> {
  const limits = { warningPercent: config.thresholds.disk_usage_percent, full };
  return {
    code: 'disk.usage',
    subject: 'disks',
    timeoutMs: 10_000,
    run: async () => {
      const mounts = await listMounts(config.health.exclude_mounts);
      const usages = await Promise.all(mounts.map((mount) => look(diskCheck(mount, limits))));
      return { findings: [], measured: usages.filter((usage) => usage !== null) };
    },
  };
}

function databaseCheck(context: ProcedureContext): HealthCheck {
  return {
    code: 'database.connections',
    subject: 'databases',
    timeoutMs: context.config.database.connect_timeout + 5_000,
    run: async (signal) => ({
      findings: await databaseHealthFindings(context.config, { env: context.env, signal }),
      measured: null,
    }),
  };
}

/** The findings of check-certificates, when there are certificates to check. */
function certificateCheck(context: ProcedureContext): HealthCheck {
  const { paths, endpoints, timeout } = context.config.certificates;
  return {
    code: 'certificate.check',
    subject: 'certificates',
    timeoutMs: timeout * 2 + 30_000,
    run: async (signal) => {
      const findings: Finding[] = [];
      // It tells of mistakes in its settings itself, for which none may be left.
      const mistaken = missingFrom(context.config, checkCertificates.settings).length > 0;
      if (paths.length > 0 || endpoints.length > 0 || mistaken) {
        await checkCertificates.execute(
          {},
          {
            ...context,
            signal,
            finding: (finding) => findings.push(finding),
            progress: () => undefined,
            print: () => undefined,
          },
        );
      }
      return { findings, measured: null };
    },
  };
}
