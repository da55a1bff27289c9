/** The work of `rotate-logs`: drives logrotate and answers for its result. */
import { lstatSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { instant } from '../../protocol/nouns.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { codeOf } from '../../thrown.ts';
import { outcomeOf } from '../define.ts';
import { findTool } from '../tool.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { makeMemory } from '../memory.ts';
import { UnsafeFile } from './archive.ts';
import { LogrotateConfigProblem, chooseConfig, compressorsOf, foldersToMake, writeConfig } from './logrotateConfig.ts';
import type { LogRotation, Programs } from './logrotateConfig.ts';
import { defaultStateFile, findLogrotate } from './logrotateCommand.ts';
import { NoRoom } from './ownFiles.ts';
import { MissingPacker } from './packers.ts';
import type { RotateLogsOptions } from './rotateLogs.ts';
import { rotate } from './rotation.ts';
import type { Rotation } from './rotation.ts';
import { isOpenState, isOurs, isSafeState, unguardedFolders } from './rotationSafety.ts';

export const part = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      /** `planned` only with --dry-run: it would be rotated. */
      action: z.enum(['rotated', 'planned', 'not_due', 'empty', 'missing', 'error']),
      /** Where the content is now. */
      rotatedTo: z.string().nullable(),
      /** By logrotate's state file; null when no rotation has left a file. */
      lastRotation: instant.nullable(),
      /** Size before the run. */
      bytes: z.number(),
      /** Processes that still write to a file that was rotated away. */
      heldBy: z.array(
        z.object({
          pid: z.int(),
          command: z.string(),
          /** systemd unit (`nginx.service`) or container (`docker 0123456789ab`). */
          service: z.string().nullable(),
        }),
      ),
    }),
  ),
});
export type RotateLogsPart = z.infer<typeof part>;

export async function run(
  options: RotateLogsOptions,
  given: ProcedureContext,
): Promise<ProcedureResult<RotateLogsPart>> {
  const { context, findings } = remembering(given);
  const { logs, baseDirectory } = context.config;
  const made = context.dryRun ? foldersToMake(logs.rotate ?? [], baseDirectory).filter(isMissing) : [];
  try {
    const rotation = await prepare(options, context);
    if (rotation === null) return { outcome: 'failed', part: { files: [] } };
    const { files, changed, failed } = await rotate(rotation);
    return {
      outcome: failed ? 'failed' : outcomeOf(findings, changed ? 'changed' : 'unchanged'),
      part: { files: [...files] },
    };
  } catch (error) {
    const trouble = troubleOf(error);
    if (trouble === null) throw error;
    context.finding({ level: 'critical', ...trouble });
    return { outcome: 'failed', part: { files: [] } };
  } finally {
    // `logrotate -d` makes them all the same. What is not empty stays.
    for (const folder of made) await rmdir(folder).catch(() => undefined);
  }
}

function isMissing(folder: string): boolean {
  return lstatSync(folder, { throwIfNoEntry: false }) === undefined;
}

/** What a person can mend; null = nothing that is expected. */
function troubleOf(error: unknown): Pick<Finding, 'code' | 'subject' | 'message'> | null {
  if (error instanceof NoRoom) {
    return {
      code: 'logs.room',
      subject: error.file,
      message: `There is no space left for ${error.file}; nothing is lost, and nothing more was rotated: free space on its file system and run this again, which finishes it.`,
    };
  }
  if (error instanceof UnsafeFile) return { code: 'logs.unsafe', subject: 'logs.rotate', message: error.message };
  if (error instanceof MissingPacker)
    return { code: 'logs.compressor', subject: 'logs.rotate', message: error.message };
  if (error instanceof LogrotateConfigProblem) {
    return { code: 'logs.config', subject: 'logs.rotate', message: error.message };
  }
  return deniedOf(error);
}

function deniedOf(error: unknown): Pick<Finding, 'code' | 'subject' | 'message'> | null {
  if (!(error instanceof Error) || !['EACCES', 'EPERM'].includes(codeOf(error))) return null;
  const subject = 'path' in error && typeof error.path === 'string' ? error.path : 'rotate-logs';
  const message = `This user may not do what is needed (${error.message}); run this as root, or as the user whose logs they are.`;
  return { code: 'logs.access', subject, message };
}

/** Where the programs are that compress; null after a finding that says which package has what is missing. */
async function findCompressors(
  rotations: readonly LogRotation[],
  { env, finding }: ProcedureContext,
): Promise<Programs | null> {
  const found = new Map<string, string>();
  const needed = compressorsOf(rotations);
  for (const { program, name } of needed) {
    const binary = await findTool(program, env);
    if (binary !== null) found.set(program, binary);
    else {
      finding({
        level: 'critical',
        code: 'logs.compressor',
        subject: program,
        message: `${program} is not installed, which \`compression: ${program}\` in logs.rotate needs; no log was rotated; install the package \`${name}\` (apt-get install ${name}), or set another compression.`,
      });
    }
  }
  return found.size === needed.length ? found : null;
}

/** Program, configuration and state file; null after a finding that says which of them is missing. */
async function prepare(options: RotateLogsOptions, context: ProcedureContext): Promise<Rotation | null> {
  const { env, signal, config, memoryDirectory } = context;
  const binary = await findLogrotate(env);
  if (binary === null) {
    context.finding({
      level: 'critical',
      code: 'logs.logrotate',
      subject: 'logrotate',
      message:
        'logrotate is not installed, no log was rotated; install the package `logrotate` (apt-get install logrotate).',
    });
    return null;
  }
  const existing = options.config ?? config.logs.config;
  const rotations = existing === undefined ? config.logs.rotate : [];
  if (existing === undefined && rotations?.length === 0) {
    context.finding({
      level: 'critical',
      code: 'logs.config',
      subject: 'logs.rotate',
      message:
        'logs.rotate in maintenance.yaml has no entry that can be used, no log was rotated; `upkeep config check` says what is wrong with it.',
    });
    return null;
  }
  const programs = await findCompressors(rotations ?? [], context);
  if (!context.dryRun || (rotations ?? []).length > 0) await makeMemory(memoryDirectory);
  if (programs === null || !(await isOurs(memoryDirectory, 'its configuration and journal', context))) return null;
  const source = chooseConfig(options.config, config, memoryDirectory, programs);
  const planFile = source.text === null ? source.file : path.join(memoryDirectory, 'logrotate-plan.conf');
  if (source.text !== null) {
    await writeConfig(source.file, source.text);
    await writeConfig(planFile, source.planText);
  }
  const call = { binary, env, signal };
  // The system's own timer rotates by the same files: with a state of our own each log would be rotated twice.
  const own = source.system ? await defaultStateFile(call) : path.join(memoryDirectory, 'logrotate.state');
  const stateFile = config.logs.state === undefined ? own : path.resolve(config.baseDirectory, config.logs.state);
  if (!(await isSafeState(stateFile, context)) || !(await isOpenState(stateFile, context))) return null;
  const folders = unguardedFolders(rotations ?? [], config.baseDirectory);
  const configured = source.text === null ? null : (rotations ?? []);
  return {
    call,
    configFile: source.file,
    planFile,
    stateFile,
    folders,
    force: options.force,
    rotations: configured,
    context,
  };
}
